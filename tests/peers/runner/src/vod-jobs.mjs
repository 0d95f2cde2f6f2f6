import { basename } from 'node:path'
import { audioMerge, hls, webVideo } from './arguments.mjs'
import { checkEncoders, ffmpeg, probe } from './ffmpeg.mjs'
import { log } from './log.mjs'

export async function webVideoJob (context) {
  const { job, payload } = context
  const output = context.output('output-*.mp4')
  const source = await fetchVideo(context, 'web video')
  log.info(`Downloaded input file ${payload.input.videoFileUrl} for job ${job.jobToken}. Running web video transcoding.`)

  const target = await targetOf(context, source)
  await encode(context, webVideo({ ...source.paths, output, ...target }), source)
  await context.succeed({ videoFile: output })
}

export async function hlsJob (context) {
  const { job, payload } = context
  const output = context.output(`*-${payload.output.resolution}.m3u8`)
  const fragmented = context.output(basename(output, '.m3u8') + '-fragmented.mp4')
  const source = await fetchVideo(context, 'HLS')
  const copy = isReadyForHls(source.probed, payload.output)
  log.info(`Downloaded input file ${payload.input.videoFileUrl} for job ${job.jobToken}. Running HLS transcoding.`)

  const target = await targetOf(context, source)
  const { separatedAudio } = payload.output
  await encode(context, hls({ ...source.paths, output, fragmented, copy, separatedAudio, ...target }), source)
  await context.succeed({ videoFile: fragmented, resolutionPlaylistFile: output })
}

export async function audioMergeJob (context) {
  const { job, payload } = context
  const { audioFileUrl, previewFileUrl } = payload.input
  const output = context.output('output-*.mp4')

  log.info(`Downloading input files ${audioFileUrl} and ${previewFileUrl} for audio merge transcoding job ${job.jobToken}`)
  const audio = await context.fetch('audio', audioFileUrl)
  const image = await context.fetch('preview', previewFileUrl)
  log.info(`Downloaded input files ${audioFileUrl} and ${previewFileUrl} for job ${job.jobToken}. Running audio merge transcoding.`)

  const source = { probed: await probe(audio) }
  const { resolution, fps } = payload.output
  const target = { resolution, fps, portrait: false, threads: context.ffmpeg.threads }
  const seconds = source.probed.format.duration
  await encode(context, audioMerge({ image, audio, output, seconds, ...target }), source)
  await context.succeed({ videoFile: output })
}

/** Downloads a video and, where the server keeps it apart, its sound. */
async function fetchVideo (context, kind) {
  const { videoFileUrl, separatedAudioFileUrl } = context.payload.input

  log.info(`Downloading input file ${videoFileUrl} for ${kind} transcoding job ${context.job.jobToken}`)
  const video = await context.fetch('video', videoFileUrl)
  const audioUrl = separatedAudioFileUrl?.[0]
  const audio = audioUrl === undefined ? undefined : await context.fetch('audio', audioUrl)

  return { paths: { video, audio }, probed: await probe(video) }
}

async function targetOf (context, { probed }) {
  const { resolution, fps } = context.payload.output
  const video = videoStream(probed)
  const portrait = video !== undefined && video.height > video.width

  return { resolution, fps, portrait, threads: context.ffmpeg.threads }
}

async function encode (context, args, { probed }) {
  await checkEncoders()
  const seconds = Number(probed.format.duration) || 0
  await ffmpeg({ args, nice: context.ffmpeg.nice, seconds, onProgress: context.setPercent })
}

/** Whether the streams can go into HLS as they are: the official runner copies them since 0.4.0. */
function isReadyForHls (probed, { resolution, fps }) {
  const video = videoStream(probed)
  const audio = probed.streams.find(stream => stream.codec_type === 'audio')
  if (video === undefined) return false
  if (audio !== undefined && audio.codec_name !== 'aac') return false

  return video.codec_name === 'h264' && video.pix_fmt === 'yuv420p' &&
    Math.min(video.width, video.height) === resolution && framesPerSecond(video) === fps
}

function videoStream (probed) {
  return probed.streams.find(stream => stream.codec_type === 'video')
}

function framesPerSecond ({ avg_frame_rate: rate }) {
  const [frames, seconds] = rate.split('/').map(Number)
  return Math.round(frames / seconds)
}

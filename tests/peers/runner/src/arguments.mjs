/** FFmpeg's arguments for each kind of result: real settings, cheap ones. */
import { mediaInput } from './ffmpeg.mjs'

const HLS_SEGMENT_SECONDS = 4

/**
 * @param {{ video: string, audio?: string, resolution: number, fps: number, portrait: boolean, threads: number }} options
 *   resolution 0 means: only the audio
 */
export function webVideo ({ video, audio, output, ...target }) {
  return [...inputs(video, audio), ...encodedStreams(target), '-movflags', '+faststart', '-f', 'mp4', output]
}

/** One fragmented file and its playlist. */
export function hls ({ video, audio, output, fragmented, copy, ...target }) {
  const streams = copy ? ['-c', 'copy', ...separated(target)] : encodedStreams(target)

  return [
    ...inputs(video, audio), ...streams,
    '-f', 'hls', '-hls_time', String(HLS_SEGMENT_SECONDS), '-hls_list_size', '0', '-hls_playlist_type', 'vod',
    '-hls_segment_type', 'fmp4', '-hls_flags', 'single_file', '-hls_segment_filename', fragmented, output
  ]
}

/**
 * A still image under a sound track. The length is given, since -shortest alone lets the picture outlast the sound by
 * what the encoder has buffered.
 */
export function audioMerge ({ image, audio, output, seconds, ...target }) {
  return [
    '-loop', '1', '-framerate', String(target.fps), '-i', image, ...mediaInput(audio), '-map', '0:v:0', '-map', '1:a:0',
    ...encodedStreams(target), '-tune', 'stillimage', '-t', String(seconds), '-movflags', '+faststart', '-f', 'mp4', output
  ]
}

/** All sprites of a video in one picture. */
export function storyboard ({ video, output, sprites, threads }) {
  const { size, count, duration } = sprites
  const filter = `fps=1/${duration},scale=${size.width}:${size.height},tile=${count.width}x${count.height}`

  return [
    '-threads', String(threads), ...mediaInput(video), '-an', '-vf', filter, '-frames:v', '1', '-q:v', '4',
    '-f', 'image2', '-update', '1', output
  ]
}

function inputs (video, audio) {
  if (audio === undefined) return mediaInput(video)

  return [...mediaInput(video), ...mediaInput(audio), '-map', '0:v:0', '-map', '1:a:0']
}

function encodedStreams ({ resolution, fps, portrait, threads, separatedAudio }) {
  const audio = separatedAudio && resolution !== 0 ? ['-an'] : ['-c:a', 'aac', '-b:a', '128k']
  const common = ['-threads', String(threads), '-map_metadata', '-1', '-sn', '-dn', ...audio]
  if (resolution === 0) return [...common, '-vn']

  const scale = portrait ? `scale=w=${resolution}:h=-2` : `scale=w=-2:h=${resolution}`
  return [
    ...common, '-vf', scale, '-r', String(fps), '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '25',
    '-pix_fmt', 'yuv420p', '-g', String(fps * 2)
  ]
}

function separated ({ resolution, separatedAudio }) {
  if (resolution === 0) return ['-vn']
  return separatedAudio ? ['-an'] : []
}

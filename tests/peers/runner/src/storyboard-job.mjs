import { storyboard } from './arguments.mjs'
import { ffmpeg } from './ffmpeg.mjs'
import { log } from './log.mjs'

/** Reports no progress but 0, as the official runner. */
export async function storyboardJob (context) {
  const { job, payload } = context
  const { videoFileUrl } = payload.input
  const { threads, nice } = context.ffmpeg
  const output = context.output('storyboard-*.jpg')

  log.info(`Downloading input file ${videoFileUrl} for storyboard job ${job.jobToken}`)
  const video = await context.fetch('video', videoFileUrl)
  log.info(`Downloaded input file ${videoFileUrl} for job ${job.jobToken}. Generating storyboard.`)

  await ffmpeg({ args: storyboard({ video, output, sprites: payload.sprites, threads }), nice })
  await context.succeed({ storyboardFile: output })
}

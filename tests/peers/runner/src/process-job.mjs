import { JobContext } from './job-context.mjs'
import { log } from './log.mjs'
import { storyboardJob } from './storyboard-job.mjs'
import { audioMergeJob, hlsJob, webVideoJob } from './vod-jobs.mjs'

const PROCESSORS = {
  'vod-web-video-transcoding': webVideoJob,
  'vod-hls-transcoding': hlsJob,
  'vod-audio-merge-transcoding': audioMergeJob,
  'generate-video-storyboard': storyboardJob,
  'live-rtmp-hls-transcoding': refuse,
  'video-studio-transcoding': refuse,
  'video-transcription': refuse
}

/** Processes a job from download to uploaded result; throws if it fails. */
export async function processJob ({ server, job, config }) {
  log.info({ payload: job.payload }, `[${server.url}] Processing job of type ${job.type}: ${job.uuid}`)

  const processor = PROCESSORS[job.type]
  // The official runner neither processes nor reports such a job: it stays with it until the server's watchdog acts.
  if (processor === undefined) return log.error(`Unknown job ${job.type} to process`)

  const context = new JobContext({ server, job, config })
  try {
    context.startHeartbeat()
    await processor(context)
  } finally {
    await context.close()
  }

  log.info(`[${server.url}] Finished processing job of type ${job.type}: ${job.uuid}`)
}

async function refuse ({ job }) {
  throw new Error(`The stand-in runner cannot process jobs of type ${job.type}: use the official runner for them`)
}

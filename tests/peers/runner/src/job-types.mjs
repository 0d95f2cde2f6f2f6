/** The job types that the official runner 0.6.0 supports, in the order in which it names them. */
export const SUPPORTED_JOB_TYPES = Object.freeze([
  'vod-web-video-transcoding',
  'vod-hls-transcoding',
  'vod-audio-merge-transcoding',
  'live-rtmp-hls-transcoding',
  'video-studio-transcoding',
  'video-transcription',
  'generate-video-storyboard'
])

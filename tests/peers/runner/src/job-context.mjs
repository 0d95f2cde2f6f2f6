import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { download } from './download.mjs'
import { log } from './log.mjs'
import { heartbeatMilliseconds } from './stand-in.mjs'

/** One job while it is processed: its files, its heartbeat, its result. */
export class JobContext {
  #files = new Set()
  #heartbeat
  #percent = 0

  constructor ({ server, job, config }) {
    this.server = server
    this.job = job
    this.config = config
    this.payload = job.payload
  }

  /** FFmpeg's own settings. */
  get ffmpeg () {
    return this.config.settings.ffmpeg
  }

  /** @param {number} percent what the next heartbeat will report */
  setPercent = percent => { this.#percent = percent }

  /** Reports progress now and from time to time. A refused report is logged, and the encode goes on. */
  startHeartbeat () {
    const report = () => {
      this.job.progress = this.#percent
      this.server.api.update(this.server.runnerToken, this.job, this.#percent)
        .catch(err => log.error({ err }, 'Cannot send job progress'))
    }

    this.#heartbeat = setInterval(report, heartbeatMilliseconds)
    report()
  }

  /**
   * Fetches an input to a place that depends on the job alone. So a job that is taken a second time, while its first
   * encode still runs, is downloaded over the input of that encode: seen on the official runner 0.6.0.
   */
  async fetch (role, url) {
    const destination = this.#own(join(this.config.transcodingDirectory, `input-${this.job.uuid}-${role}`))
    const { jobToken } = this.job
    await download({ url, destination, runnerToken: this.server.runnerToken, jobToken })
    return destination
  }

  /** A path for a result; the pattern's `*` becomes a new UUID. */
  output (pattern) {
    return this.#own(join(this.config.transcodingDirectory, pattern.replace('*', randomUUID())))
  }

  /** @param {Record<string, string>} files payload field to path */
  async succeed (files) {
    await this.server.api.success(this.server.runnerToken, this.job, files)
  }

  /** Removes the job's files, and only then stops the heartbeat. */
  async close () {
    for (const file of this.#files) await rm(file, { force: true })
    clearInterval(this.#heartbeat)
  }

  #own (path) {
    this.#files.add(path)
    return path
  }
}

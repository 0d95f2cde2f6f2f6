import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { IpcServer } from './ipc-server.mjs'
import { SUPPORTED_JOB_TYPES } from './job-types.mjs'
import { log } from './log.mjs'
import { processJob } from './process-job.mjs'
import { Registry } from './registry.mjs'
import { isDeaf, isWedged, secondLookMilliseconds, stays } from './stand-in.mjs'

const MAX_ROUNDS_WITH_ERROR = 5
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGUSR2']

/** The `server` command: gets jobs and processes them until it is told to stop. */
export class Runner {
  #config
  #jobTypes
  #registry
  #ipc
  #jobs = []

  #ready = false
  #looking = false
  #draining = false
  #exiting = false
  #roundsWithError = 0

  /** @param {import('./config.mjs').Config} config  @param {string[]} jobTypes in the order asked for */
  constructor (config, jobTypes) {
    this.#config = config
    this.#jobTypes = jobTypes
    this.#registry = new Registry(config, () => this.#lookSoon())
    this.#ipc = new IpcServer(config.socketPath, this)
  }

  async run () {
    log.info('Running PeerTube runner in server mode')
    log.info('Supported and enabled job types: ' + this.#jobTypes.join(', '))

    await this.#config.load()
    for (const instance of this.#config.settings.registeredInstances) {
      this.#registry.load(instance)
      log.info(`Loading registered instance ${instance.url}`)
    }

    await this.#ipc.start()
    this.#listenToSignals()
    await this.#prepareDirectories()

    log.info('Server is ready to process jobs')
    this.#ready = true
    await this.#look()
  }

  // What the other commands ask for over IPC.

  register (request) {
    return this.#registry.register(request)
  }

  unregister (request) {
    return this.#registry.unregister(request)
  }

  listRegistered () {
    return { servers: this.#registry.list() }
  }

  listJobs () {
    const processingJobs = this.#jobs.map(({ server, job: { type, startedAt, progress, payload } }) => (
      { serverUrl: server.url, job: { type, startedAt, progress, payload } }
    ))
    return { concurrency: this.#concurrency, processingJobs }
  }

  /**
   * Takes no more jobs and exits after the last one. With no job in hand it exits at once, even while the server
   * is being asked for one: if that call wins, the job is orphaned. The official runner has this race, and so has this.
   */
  gracefulShutdown () {
    log.info('Received graceful shutdown request')
    this.#draining = true
    this.#exitIfDrained()
  }

  // Getting work. There is no timer: without a start, a connect, a push or a finished job, nobody looks.

  #lookSoon () {
    if (isDeaf()) return
    this.#look().catch(err => log.error({ err }, 'Cannot check available jobs'))
  }

  async #look () {
    if (!this.#ready || this.#looking || this.#draining) return

    // A request without an answer leaves this set for ever, as in the official runner: it never asks again.
    this.#looking = true
    const rounds = []
    for (const server of shuffled(this.#registry.servers)) rounds.push(await this.#lookAt(server))
    this.#looking = false

    this.#roundsWithError = rounds.some(round => round.failed) ? this.#roundsWithError + 1 : 0
    if (this.#roundsWithError >= MAX_ROUNDS_WITH_ERROR) {
      this.#roundsWithError = 0
    } else if (rounds.some(round => round.found) && this.#hasFreeSlot()) {
      await wait(secondLookMilliseconds)
      this.#lookSoon()
    }
  }

  async #lookAt (server) {
    const round = { found: false, failed: false }
    try {
      log.info('Checking available jobs on ' + server.url)
      const offered = await this.#request(server)
      if (offered !== undefined) {
        round.found = true
        await this.#take(server, offered)
      }
    } catch (err) {
      round.failed = true
      await this.#onRefused(server, err)
    }
    return round
  }

  async #request (server) {
    if (isWedged()) await new Promise(() => {})
    const isSubset = this.#jobTypes.length !== SUPPORTED_JOB_TYPES.length
    const offered = await server.api.request(server.runnerToken, isSubset ? this.#jobTypes : undefined)
    if (offered.length === 0) log.debug(`No job available on ${server.url} for runner ${server.runnerName}`)
    return offered[0]
  }

  async #take (server, { uuid }) {
    if (!this.#hasFreeSlot()) {
      return log.debug(`Do not process more jobs (processing ${this.#jobs.length} / ${this.#concurrency})`)
    }

    const job = await server.api.accept(server.runnerToken, uuid)
    const taken = { server, job }
    this.#jobs.push(taken)
    this.#process(taken)
  }

  async #process (taken) {
    const { server, job } = taken
    try {
      await processJob({ server, job, config: this.#config })
    } catch (err) {
      log.error({ err }, 'Cannot process job')
      // Not awaited: the slot is free at once, as in the official runner.
      server.api.error(server.runnerToken, job, err.message)
        .catch(err2 => log.error({ err: err2 }, 'Cannot abort job after error'))
    }

    this.#jobs = this.#jobs.filter(other => other !== taken)
    if (this.#draining) this.#exitIfDrained()
    this.#lookSoon()
  }

  async #onRefused (server, err) {
    const code = err.res?.body?.code

    if (code === 'runner_job_not_in_pending_state') {
      log.debug({ err }, 'Runner job is not in pending state anymore, retry later')
    } else if (code === 'unknown_runner_token') {
      log.error({ err }, `Unregistering ${server.url} as the runner token ${server.runnerToken} is invalid`)
      await this.#registry.unregister(server)
    } else {
      log.error({ err }, `Cannot request/accept job on ${server.url} for runner ${server.runnerName}`)
    }
  }

  get #concurrency () {
    return this.#config.settings.jobs.concurrency
  }

  #hasFreeSlot () {
    return !this.#exiting && !this.#draining && this.#jobs.length < this.#concurrency
  }

  // Stopping.

  #listenToSignals () {
    for (const signal of SIGNALS) process.on(signal, () => this.#exit())
    process.on('uncaughtException', (err, origin) => {
      log.error({ err, origin }, 'uncaughtException')
      this.#exit()
    })
  }

  #exitIfDrained () {
    if (this.#jobs.length !== 0 || stays()) return

    log.info('Shutting down the runner after graceful shutdown request')
    this.#exit()
  }

  /** Gives each job back, one after the other, and ends the process; FFmpeg is left to itself. */
  async #exit () {
    if (this.#exiting) return
    this.#exiting = true

    log.info('Cleaning up after program exit')
    try {
      for (const { server, job } of this.#jobs) {
        log.info(`Aborting job ${job.uuid} on ${server.url} as the runner is stopping`)
        await server.api.abort(server.runnerToken, job, 'Runner stopped')
      }
      await this.#wipe()
      await this.#ipc.stop()
    } catch (err) {
      log.error(err)
      process.exit(255)
    }
    process.exit(0)
  }

  async #prepareDirectories () {
    const { transcodingDirectory, storyboardDirectory } = this.#config
    await mkdir(transcodingDirectory, { recursive: true })
    await mkdir(storyboardDirectory, { recursive: true })
    await this.#wipe()

    log.info(`Using ${transcodingDirectory} for transcoding directory`)
    log.info(`Using ${storyboardDirectory} for storyboard directory`)
  }

  async #wipe () {
    const { transcodingDirectory } = this.#config
    for (const file of await readdir(transcodingDirectory)) {
      await rm(join(transcodingDirectory, file), { recursive: true, force: true })
    }
  }
}

/** So that no server always comes first. */
function shuffled (items) {
  return items.map(item => ({ item, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ item }) => item)
}

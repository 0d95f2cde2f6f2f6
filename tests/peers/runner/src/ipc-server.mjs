import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Server } from 'net-ipc'
import { log } from './log.mjs'

/** Answers the other commands, and whoever speaks net-ipc's frames, on the runner's socket. */
export class IpcServer {
  #path
  #calls
  #server

  /** @param {string} path  @param {import('./runner.mjs').Runner} runner */
  constructor (path, runner) {
    this.#path = path
    this.#calls = {
      register: request => runner.register(request),
      unregister: request => runner.unregister(request),
      'list-registered': () => runner.listRegistered(),
      'list-jobs': () => runner.listJobs(),
      'graceful-shutdown': () => runner.gracefulShutdown()
    }
  }

  /** Takes the socket's path over from whoever had it; exits if that fails. */
  async start () {
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      this.#server = new Server({ path: this.#path })
      await this.#server.start()
    } catch (err) {
      log.error(err, 'Cannot start local socket for IPC communication')
      process.exit(255)
    }

    log.info(`IPC socket created on ${this.#path}`)
    this.#server.on('request', async (request, respond) => {
      const response = await this.#answer(request)
      respond(response).catch(err => log.error({ err }, 'Cannot send response after IPC request'))
    })
  }

  async stop () {
    await this.#server.close()
  }

  async #answer (request) {
    try {
      const call = Object.hasOwn(this.#calls, request.type) ? this.#calls[request.type] : undefined
      if (call === undefined) throw new Error('Unknown RPC call ' + request.type)

      return { success: true, data: await call(request) }
    } catch (err) {
      log.error({ err }, 'Cannot execute RPC call')
      return { success: false, error: err.message }
    }
  }
}

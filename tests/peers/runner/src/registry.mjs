import { io } from 'socket.io-client'
import { Api } from './api.mjs'
import { log } from './log.mjs'

/** The PeerTube servers at which this runner is registered, each with its socket. */
export class Registry {
  #config
  #onWork
  #servers = []

  /** @param {import('./config.mjs').Config} config  @param {() => void} onWork called when there may be work */
  constructor (config, onWork) {
    this.#config = config
    this.#onWork = onWork
  }

  get servers () {
    return [...this.#servers]
  }

  /** Connects to a server whose token is known. */
  load ({ url, runnerToken, runnerName, runnerDescription }) {
    const socket = this.#connect(`${url}/runners`, runnerToken)
    this.#servers.push({ url, runnerToken, runnerName, runnerDescription, api: new Api(url), socket })
  }

  async register ({ url, registrationToken, runnerName, runnerDescription }) {
    log.info(`Registering runner ${runnerName} on ${url}...`)
    const runnerToken = await new Api(url).register({ runnerName, runnerDescription, registrationToken })

    this.load({ url, runnerToken, runnerName, runnerDescription })
    await this.#save()
    log.info(`Registered runner ${runnerName} on ${url}`)
  }

  /** Forgets the server even if it does not know (or does not hear) us. */
  async unregister ({ url, runnerName }) {
    const server = this.#servers.find(known => known.url === url && known.runnerName === runnerName)
    if (server === undefined) return log.error(`Unknown server ${url} - ${runnerName} to unregister`)

    log.info(`Unregistering runner ${runnerName} on ${url}...`)
    try {
      await server.api.unregister(server.runnerToken)
    } catch (err) {
      log.error({ err }, `Cannot unregister runner ${runnerName} on ${url}`)
    }

    this.#servers = this.#servers.filter(known => known !== server)
    server.socket.disconnect()
    await this.#save()
    log.info(`Unregistered runner ${runnerName} on ${url}`)
  }

  /** What `list-registered` tells: no tokens. */
  list () {
    return this.#servers.map(({ url, runnerName, runnerDescription }) => ({ url, runnerName, runnerDescription }))
  }

  #connect (url, runnerToken) {
    const socket = io(url, { auth: { runnerToken }, transports: ['websocket'] })

    socket.on('connect', () => {
      log.info(`Connected to ${url} socket`)
      this.#onWork()
    })
    socket.on('available-jobs', () => this.#onWork())
    socket.on('connect_error', err => log.warn({ err }, `Cannot connect to ${url} socket`))
    socket.on('disconnect', () => log.warn(`Disconnected from ${url} socket`))
    socket.io.on('ping', () => log.debug(`Received a "ping" for ${url}`))

    return socket
  }

  async #save () {
    const instances = this.#servers.map(({ url, runnerToken, runnerName, runnerDescription }) => (
      { url, runnerToken, runnerName, runnerDescription }
    ))
    await this.#config.saveRegisteredInstances(instances)
  }
}

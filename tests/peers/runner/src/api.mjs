import superagent from 'superagent'
import { VERSION } from './version.mjs'

const HELP = 'https://github.com/Chocobozzz/PeerTube/blob/develop/support/doc/development/tests.md#debug-server-logs'

/**
 * The runner side of PeerTube's API, as the official runner calls it: the same fields in the same order, no time limit.
 * A refused call throws an Error with the answer in `res`.
 */
export class Api {
  #base

  /** @param {string} url the server's origin */
  constructor (url) {
    this.#base = `${url}/api/v1/runners`
  }

  /** @returns {Promise<string>} the runner token */
  async register ({ runnerName, runnerDescription, registrationToken }) {
    const body = { name: runnerName, registrationToken, description: runnerDescription, version: VERSION }
    const res = await this.#postJson('register', body, 200)
    return res.body.runnerToken
  }

  async unregister (runnerToken) {
    await this.#postJson('unregister', { runnerToken }, 204)
  }

  /** @param {string[] | undefined} jobTypes undefined = any type, and then no filter is sent */
  async request (runnerToken, jobTypes) {
    const res = await this.#postJson('jobs/request', { runnerToken, jobTypes, version: VERSION }, 200)
    return res.body.availableJobs
  }

  async accept (runnerToken, uuid) {
    const res = await this.#postJson(`jobs/${uuid}/accept`, { runnerToken }, 200)
    return res.body.job
  }

  async abort (runnerToken, { uuid, jobToken }, reason) {
    await this.#postJson(`jobs/${uuid}/abort`, { reason, jobToken, runnerToken }, 204)
  }

  async error (runnerToken, { uuid, jobToken }, message) {
    await this.#postJson(`jobs/${uuid}/error`, { message, jobToken, runnerToken }, 204)
  }

  /** Reports progress; multipart, since servers answer a JSON body with 500. */
  async update (runnerToken, { uuid, jobToken }, progress) {
    await this.#postForm(`jobs/${uuid}/update`, { progress, jobToken, runnerToken }, {})
  }

  /** @param {Record<string, string>} files payload field to path of the result */
  async success (runnerToken, { uuid, jobToken }, files) {
    await this.#postForm(`jobs/${uuid}/success`, { jobToken, runnerToken }, files)
  }

  async #postJson (path, body, expected) {
    const request = superagent.post(`${this.#base}/${path}`).send(body).accept('application/json')
    return this.#answer(request, expected)
  }

  async #postForm (path, fields, files) {
    const request = superagent.post(`${this.#base}/${path}`).accept('application/json')
    for (const [name, value] of Object.entries(fields)) request.field(name, value)
    for (const [name, file] of Object.entries(files)) request.attach(`payload[${name}]`, file)
    return this.#answer(request, 204)
  }

  async #answer (request, expected) {
    const res = await request.ok(() => true)
    if (res.status === expected) return res

    const err = new Error(
      `Expected status ${expected}, got ${res.status}. \nThe server responded: "${res.body?.error ?? res.text}".\n` +
      `You may take a closer look at the logs. To see how to do so, check out this page: ${HELP}`
    )
    throw Object.assign(err, { res })
  }
}

import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import redirects from 'follow-redirects'
import { log } from './log.mjs'

const LIMIT_MILLISECONDS = 2 * 3600 * 1000

/**
 * Fetches an input file of a job: a POST with both tokens; redirects (to object storage) are followed.
 * A failed download leaves no file.
 *
 * @param {{ url: string, destination: string, runnerToken: string, jobToken: string }} options
 */
export async function download ({ url, destination, runnerToken, jobToken }) {
  log.debug(`Downloading file ${url}`)

  try {
    const response = await post(new URL(url), JSON.stringify({ runnerToken, jobToken }))
    await pipeline(response, createWriteStream(destination))
  } catch (err) {
    await rm(destination, { force: true })
    throw err
  }
}

/**
 * @param {URL} url
 * @param {string} body
 */
function post (url, body) {
  const { request } = url.protocol === 'https:' ? redirects.https : redirects.http
  const options = {
    method: 'POST',
    hostname: url.hostname,
    port: url.port,
    path: url.pathname + url.search,
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  }

  return new Promise((resolve, reject) => {
    const sent = request(options, response => {
      if (response.statusCode < 400) return resolve(response)

      response.resume()
      reject(new Error(response.statusMessage))
    })
    const timer = setTimeout(() => sent.destroy(new Error(`Download of ${url} took longer than two hours`)), LIMIT_MILLISECONDS)
    timer.unref()
    sent.on('close', () => clearTimeout(timer))
    sent.on('error', reject)
    sent.end(body)
  })
}

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Client } from 'net-ipc'

/**
 * Asks the running server one thing.
 *
 * @param {string} socketPath
 * @param {Record<string, unknown>} request
 * @returns {Promise<{ success: boolean, error?: string, data?: any }>}
 */
export async function ask (socketPath, request) {
  await mkdir(dirname(socketPath), { recursive: true })

  const client = new Client({ path: socketPath })
  try {
    await client.connect()
  } catch (err) {
    if (err.code !== 'ECONNREFUSED') throw err

    throw new Error(
      'This runner is not currently running in server mode on this system. Please run it using the `server` command ' +
      'first (in another terminal for example) and then retry your command.',
      { cause: err }
    )
  }

  try {
    return await client.request(request)
  } finally {
    client.destroy()
  }
}

/** What the short commands print. As in the official runner, an error that the server reports leaves exit code 0. */
import Table from 'cli-table3'
import { ask } from './ipc-client.mjs'

export async function register (config, options) {
  const { success, error } = await ask(config.socketPath, { type: 'register', ...options })
  if (success) console.log('PeerTube instance registered')
  else console.error('Could not register PeerTube instance on runner server side', error)
}

export async function unregister (config, options) {
  const { success, error } = await ask(config.socketPath, { type: 'unregister', ...options })
  if (success) console.log('PeerTube instance unregistered')
  else console.error('Could not unregister PeerTube instance on runner server side', error)
}

export async function listRegistered (config) {
  const { success, error, data } = await ask(config.socketPath, { type: 'list-registered' })
  if (!success) return console.error('Could not list registered PeerTube instances', error)

  const table = new Table({ head: ['instance', 'runner name', 'runner description'] })
  for (const { url, runnerName, runnerDescription } of data.servers) table.push([url, runnerName, runnerDescription])
  console.log(table.toString())
}

export async function listJobs (config, { includePayload }) {
  const { success, error, data } = await ask(config.socketPath, { type: 'list-jobs' })
  if (!success) return console.error('Could not list jobs', error)

  const payloadHead = includePayload ? ['payload'] : []
  const table = new Table({ head: ['instance', 'type', 'started', 'progress', ...payloadHead], wordWrap: true, wrapOnWordBoundary: false })
  for (const { serverUrl, job } of data.processingJobs) {
    const payload = includePayload ? [JSON.stringify(job.payload, undefined, 2)] : []
    table.push([serverUrl, job.type, job.startedAt, job.progress == null ? '' : `${job.progress}%`, ...payload])
  }

  console.log(`Processing ${data.processingJobs.length}/${data.concurrency} jobs`)
  console.log(table.toString())
}

export async function gracefulShutdown (config) {
  const { success, error } = await ask(config.socketPath, { type: 'graceful-shutdown' })
  if (success) console.log('Graceful shutdown acknowledged by the runner')
  else console.error('Could not graceful shutdown runner', error)
}

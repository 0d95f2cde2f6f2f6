import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { log } from './log.mjs'
import { hangs, readRate } from './stand-in.mjs'

const NEEDED_ENCODERS = ['libx264', 'aac']
const KEPT_ERROR_CHARACTERS = 2_000

const run = promisify(execFile)
let encodersSeen = false

/**
 * Options before `-i` of an input that plays; with STAND_IN_READ_RATE it is read no faster than that.
 *
 * @param {string} path
 */
export function mediaInput (path) {
  return readRate === undefined ? ['-i', path] : ['-readrate', String(readRate), '-i', path]
}

/** What ffprobe says of a file: `{ format, streams }`. */
export async function probe (path) {
  const args = ['-v', 'error', '-of', 'json', '-show_format', '-show_streams', path]
  const { stdout } = await run('ffprobe', args)
  return JSON.parse(stdout)
}

/** Fails early and clearly where FFmpeg lacks an encoder; says once that it has looked, as the official runner does. */
export async function checkEncoders () {
  if (encodersSeen) return

  const { stdout } = await run('ffmpeg', ['-hide_banner', '-encoders'])
  const missing = NEEDED_ENCODERS.filter(name => !new RegExp(`^ .{6} ${name} `, 'm').test(stdout))
  if (missing.length !== 0) throw new Error(`ffmpeg lacks the encoders ${missing.join(', ')}: install a complete FFmpeg`)

  encodersSeen = true
  // Empty on the official runner too: its maps do not survive being logged.
  log.info({ supportedEncoders: {}, searchEncoders: {}, tags: [] }, 'Built supported ffmpeg encoders.')
}

/**
 * Runs FFmpeg at the configured niceness, in the runner's process group. It is not stopped when the runner exits: the
 * official one does not stop it either.
 *
 * @param {{ args: string[], nice: number, seconds?: number, onProgress?: (percent: number) => void }} options
 *   seconds: length of the result, to know how far it is
 */
export function ffmpeg ({ args, nice, seconds = 0, onProgress = () => {} }) {
  const command = ['-n', String(nice), 'ffmpeg', '-hide_banner', '-nostdin', '-nostats', '-loglevel', 'error', '-y']
  const child = spawn('nice', [...command, '-progress', 'pipe:1', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''

  child.stdout.setEncoding('utf-8').on('data', text => {
    if (hangs()) child.kill('SIGSTOP')
    const done = text.match(/^out_time_us=(\d+)$/m)
    if (done && seconds > 0) onProgress(Math.min(100, Math.round(Number(done[1]) / 10_000 / seconds)))
  })
  child.stderr.setEncoding('utf-8').on('data', text => {
    errors = (errors + text).slice(-KEPT_ERROR_CHARACTERS)
  })

  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()

      reject(new Error(`ffmpeg ${signal ? `was killed with signal ${signal}` : `exited with code ${code}`}: ${errors.trim()}`))
    })
  })
}

/** What only the stand-in knows: the switches that tests set in its environment. */
import { closeSync, openSync } from 'node:fs'

/** Divides the runner's own waits (heartbeat, second look), so that tests need not wait a minute. 1 = real time. */
const clockDivisor = positiveNumber('STAND_IN_CLOCK_DIVISOR', 1)

/** How fast FFmpeg may read its input, in seconds of media a second; undefined = as fast as it can. */
export const readRate = positiveNumber('STAND_IN_READ_RATE', undefined)

/** Time between two reports of progress. */
export const heartbeatMilliseconds = 60_000 / clockDivisor

/** Time between a look that found a job and the next one, while slots are free. */
export const secondLookMilliseconds = 2_500 / clockDivisor

/**
 * Faults hold while the marker file can be made: for the first process that is given its path, and not for those that
 * are started after it. Without a path they hold for every process.
 */
let faultsHold

/** Hears no push, no connection and no end of a job: it looks for jobs once, at its start. */
export const isDeaf = () => hasFault('STAND_IN_DEAF')

/** Its first look for jobs gets no answer, ever. */
export const isWedged = () => hasFault('STAND_IN_WEDGE')

/** FFmpeg is stopped (SIGSTOP) once it has begun. */
export const hangs = () => hasFault('STAND_IN_HANG')

/** Says yes to a graceful shutdown, and stays; a signal ends it. */
export const stays = () => hasFault('STAND_IN_STAYS')

/** @param {string} name */
function hasFault (name) {
  return process.env[name] === '1' && (faultsHold ??= claimFaults())
}

function claimFaults () {
  const marker = process.env.STAND_IN_FAULT_MARKER
  if (!marker) return true

  try {
    closeSync(openSync(marker, 'wx'))
    return true
  } catch {
    return false
  }
}

/**
 * @param {string} name
 * @param {number | undefined} fallback
 */
function positiveNumber (name, fallback) {
  const text = process.env[name]
  if (text === undefined || text === '') return fallback

  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) {
    console.error(`${name} is '${text}': it must be a number above 0. Correct or unset it.`)
    process.exit(255)
  }
  return value
}

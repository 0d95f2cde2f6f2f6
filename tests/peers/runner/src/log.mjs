import { pino } from 'pino'
import pretty from 'pino-pretty'

/** Text for people on stdout, as the official runner prints it. */
export const log = pino(pretty({ colorize: pretty.isColorSupported }))

log.level = 'info'

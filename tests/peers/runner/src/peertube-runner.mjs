#!/usr/bin/env node
/**
 * TEST DOUBLE of the official PeerTube runner 0.6.0: its command line. See README.md.
 */
import { Command, InvalidArgumentError } from 'commander'
import * as commands from './commands.mjs'
import { Config } from './config.mjs'
import { SUPPORTED_JOB_TYPES } from './job-types.mjs'
import { log } from './log.mjs'
import { Runner } from './runner.mjs'
import { VERSION } from './version.mjs'

const FAILED = 255

const program = new Command('peertube-runner')
  .version(VERSION)
  .option('--id <id>', 'Runner server id, so that several runners with their own configurations run on one machine', 'default')
  .option('--verbose', 'Run in verbose mode')
  .hook('preAction', command => {
    if (command.opts().verbose) log.level = 'debug'
  })

program.command('server')
  .description('Run in server mode, to execute remote jobs of registered PeerTube instances')
  .option(
    '--enable-job <type>',
    `Enable this job type (repeatable; by default all are enabled): ${SUPPORTED_JOB_TYPES.join(', ')}`,
    (type, previous) => [...previous, type],
    []
  )
  .action(async ({ enableJob }) => {
    try {
      await new Runner(config(), enabledJobTypes(enableJob)).run()
    } catch (err) {
      log.error(err, 'Cannot run PeerTube runner as server mode')
      process.exit(FAILED)
    }
  })

program.command('register')
  .description('Register a new PeerTube instance to process runner jobs')
  .requiredOption('--url <url>', 'PeerTube instance URL', parseUrl)
  .requiredOption('--registration-token <token>', 'Runner registration token')
  .requiredOption('--runner-name <name>', 'Runner name')
  .option('--runner-description <description>', 'Runner description')
  .action(options => ask('register this PeerTube runner', () => commands.register(config(), options)))

program.command('unregister')
  .description('Unregister the runner from PeerTube instance')
  .requiredOption('--url <url>', 'PeerTube instance URL', parseUrl)
  .requiredOption('--runner-name <name>', 'Runner name')
  .action(options => ask('unregister this PeerTube runner', () => commands.unregister(config(), options)))

program.command('list-registered')
  .description('List registered PeerTube instances')
  .action(() => ask('list registered PeerTube instances', () => commands.listRegistered(config())))

program.command('list-jobs')
  .description('List processing jobs')
  .option('--include-payload', 'Include job payload in the output')
  .action(options => ask('list processing jobs', () => commands.listJobs(config(), options)))

program.command('graceful-shutdown')
  .description('Exit runner when all processing tasks are finished')
  .action(() => ask('graceful shutdown the runner', () => commands.gracefulShutdown(config())))

program.command('get-config-file-path')
  .description('Get the path to the configuration file')
  .action(() => console.log(config().file))

program.parse()

function config () {
  return new Config(program.opts().id)
}

async function ask (deed, command) {
  try {
    await command()
  } catch (err) {
    console.error(`Cannot ${deed}.`)
    console.error(err)
    process.exit(FAILED)
  }
}

/** The types asked for, each once; all if none is. */
function enabledJobTypes (asked) {
  for (const type of asked) {
    if (!SUPPORTED_JOB_TYPES.includes(type)) throw new InvalidArgumentError(`${type} is not a supported job`)
  }
  return asked.length === 0 ? [...SUPPORTED_JOB_TYPES] : [...new Set(asked)]
}

function parseUrl (url) {
  if (!/^https?:\/\//.test(url)) throw new InvalidArgumentError('URL should start with a http:// or https://')
  return url
}

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import toml from '@iarna/toml'
import envPaths from 'env-paths'
import { log } from './log.mjs'

const DEFAULTS = {
  jobs: { concurrency: 2 },
  ffmpeg: { threads: 2, nice: 20 },
  transcription: { engine: 'whisper-ctranslate2', enginePath: null, model: 'small', modelPath: null },
  registeredInstances: []
}

/** The settings and directories of one runner id. */
export class Config {
  /** @param {string} id several runners of one user differ by it */
  constructor (id) {
    const paths = envPaths('peertube-runner')

    this.file = join(paths.config, id, 'config.toml')
    this.socketPath = join(paths.data, id, 'peertube-runner.sock')
    this.transcodingDirectory = join(paths.cache, id, 'transcoding')
    this.storyboardDirectory = join(paths.cache, id, 'storyboard')
    this.settings = structuredClone(DEFAULTS)
  }

  /** Reads the file; writes one with the defaults if there is none. */
  async load () {
    log.info(`Using ${this.file} as configuration file`)
    await mkdir(dirname(this.file), { recursive: true })

    const read = await this.#read()
    if (read === undefined) return this.#save()

    for (const [name, table] of Object.entries(read)) {
      const isTable = !Array.isArray(table) && typeof table === 'object'
      this.settings[name] = isTable ? { ...this.settings[name], ...table } : table
    }
  }

  /** @param {{ url: string, runnerToken: string, runnerName: string, runnerDescription?: string }[]} instances */
  async saveRegisteredInstances (instances) {
    this.settings.registeredInstances = instances
    await this.#save()
  }

  async #read () {
    try {
      return toml.parse(await readFile(this.file, 'utf-8'))
    } catch (err) {
      if (err.code === 'ENOENT') return undefined
      throw err
    }
  }

  async #save () {
    await writeFile(this.file, toml.stringify(this.settings))
  }
}

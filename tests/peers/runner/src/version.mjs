import manifest from '../package.json' with { type: 'json' }

/** The version that the runner reports to the server and on its command line. */
export const VERSION = manifest.version

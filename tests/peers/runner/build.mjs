/**
 * Makes the one file that the package ships. The official package is one bundled file without dependencies too, so both
 * install alike, offline.
 */
import { chmod } from 'node:fs/promises'
import { build } from 'esbuild'

const OUTPUT = 'peertube-runner.mjs'

// Bundled CommonJS libraries call require(), which an ES module does not have.
const REQUIRE_FOR_COMMONJS = "import { createRequire as createRequireOfBundle } from 'node:module'\n" +
  'const require = createRequireOfBundle(import.meta.url)'

// What net-ipc and ws try to load and do without.
const NOT_NEEDED = ['fast-zlib', 'msgpackr', 'bufferutil', 'utf-8-validate']

await build({
  entryPoints: ['src/peertube-runner.mjs'],
  outfile: OUTPUT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Node first, then the libraries' CommonJS: their ES builds are for browsers.
  mainFields: ['main', 'module'],
  banner: { js: REQUIRE_FOR_COMMONJS },
  external: NOT_NEEDED,
  keepNames: true, // error names end up in the log
  logLevel: 'warning'
})
await chmod(OUTPUT, 0o755)

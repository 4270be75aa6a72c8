// Everything that has to hold before a change lands, in the order that fails soonest. Every step is timed.
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../lib/run.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const node = (script, ...args) => run(undefined, [path.join(root, 'scripts/tasks', `${script}.mjs`), ...args])
const packages = readdirSync('packages').filter((d) => existsSync(`packages/${d}/package.json`))
const xdg = { XDG_DATA_HOME: path.join(root, '.toolchain', 'xdg') }
const steps = {
  lockfile: () => node('check-lockfile'),
  lint: () => run('oxlint', ['--type-aware']),
  unused: () => run('knip', []),
  build: () => run('turbo', ['run', 'build', 'typecheck', '--output-logs=errors-only']),
  components: () => node('components'),
  tests: () => run('vitest', ['run', '--coverage'], { env: { ...xdg, SHOP_REQUIRE: 'all' } }),
  publint: async () => {
    for (const p of packages) await run('publint', [`packages/${p}`, '--strict'])
  },
  types: async () => {
    for (const p of packages)
      await run('@arethetypeswrong/cli', ['--pack', `packages/${p}`, '--profile', 'esm-only', '--format', 'ascii'], {
        bin: 'attw',
      })
  },
}
const only = process.argv.slice(2)
for (const [name, step] of Object.entries(steps)) {
  if (only.length && !only.includes(name)) continue
  const t = performance.now()
  await step()
  console.log(`--- ${name}: ${((performance.now() - t) / 1000).toFixed(1)} s`)
}

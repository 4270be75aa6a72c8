import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

import { exec } from './exec.mjs'
import { alsoHeldBy } from './lock.mjs'
import { root, say, SetupError } from './say.mjs'
import { unreachable } from './toolchain.mjs'

/** `pnpm install`, left out while nothing it reads has changed. */
export async function install({ node, pnpm }, env) {
  const stamp = path.join(root, 'node_modules/.shop-install')
  const key = keyOf(node, pnpm)
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === key) return
  say('installing dependencies from pnpm-lock.yaml')
  const start = Date.now()
  const retries = { fetch_retries: '2', fetch_retry_mintimeout: '1000', fetch_retry_maxtimeout: '4000' }
  const settings = Object.fromEntries(Object.entries(retries).map(([name, value]) => [`pnpm_config_${name}`, value]))
  const args = [
    'install',
    '--frozen-lockfile',
    '--trust-lockfile',
    '--prefer-offline',
    '--reporter=append-only',
    '--loglevel=warn',
  ]
  const { status, output } = await exec(pnpm, args, {
    cwd: root,
    env: { CI: '1', ...settings, ...env },
    onStart: alsoHeldBy,
  })
  if (status !== 0) {
    const why = unreachable.test(output)
      ? 'the npm registry cannot be reached; run the same command again once it can.'
      : 'pnpm install failed:'
    throw new SetupError(`${why}\n  ${output.split('\n').slice(-12).join('\n  ')}`)
  }
  fs.writeFileSync(stamp, key)
  say(`dependencies ready in ${((Date.now() - start) / 1000).toFixed(1)} s`)
}

function keyOf(...tools) {
  const groups = ['packages', 'examples', 'tools'].flatMap((group) =>
    fs.readdirSync(path.join(root, group)).map((name) => `${group}/${name}`),
  )
  const manifests = ['.', 'docs', ...groups.sort()].map((dir) => path.join(dir, 'package.json'))
  const hash = createHash('sha256').update(tools.join('\0'))
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests])
    if (fs.existsSync(path.join(root, file))) hash.update(`\0${file}\0`).update(fs.readFileSync(path.join(root, file)))
  return hash.digest('hex')
}

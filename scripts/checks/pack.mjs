// Packs every package as it would be published, and unpacks the tarballs into the node_modules of a
// consumer that has their declared dependencies and peers, and nothing else.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'

import { consumer, tarballs } from '../lib/packed.mjs'
import { root } from '../lib/run.mjs'

const modules = path.join(consumer, 'node_modules')
rmSync(tarballs, { recursive: true, force: true })
mkdirSync(path.join(modules, '@shop'), { recursive: true })

for (const folder of readdirSync(path.join(root, 'packages'))) {
  const from = path.join(root, 'packages', folder)
  execFileSync('pnpm', ['pack', '--pack-destination', tarballs], { cwd: from, stdio: ['ignore', 'ignore', 'inherit'] })
  const tarball = readdirSync(tarballs).find((name) => new RegExp(`^shop-${folder}-\\d`).test(name))
  const to = path.join(modules, '@shop', folder)
  mkdirSync(to)
  execFileSync('tar', ['-xzf', path.join(tarballs, tarball), '--strip-components=1', '-C', to])
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(path.join(to, 'package.json'), 'utf8'))
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) link(name, from)
  console.log(tarball)
}

function link(name, from) {
  const at = path.join(modules, name)
  if (name.startsWith('@shop/') || existsSync(at)) return
  mkdirSync(path.dirname(at), { recursive: true })
  symlinkSync(realpathSync(path.join(from, 'node_modules', name)), at, 'junction')
}

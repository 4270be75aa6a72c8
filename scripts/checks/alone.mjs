// The types of every entry hold for somebody who installed nothing beyond what that entry is for: it may name
// one optional peer at most, and its declarations check, skipLibCheck off, where only that one is there.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { packed, tarballs } from '../lib/packed.mjs'
import { root } from '../lib/run.mjs'

const folders = path.join(tarballs, 'alone')
const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
const packages = new Map(packed().map((one) => [one.manifest.name, one]))
rmSync(folders, { recursive: true, force: true })

/** Entries by the optional peer they need, so that those with equal needs are checked at once; '' stands for none. */
const installations = new Map()
for (const { folder, manifest, dir } of packages.values()) {
  for (const [key, target] of Object.entries(manifest.exports)) {
    if (typeof target !== 'object' || !existsSync(path.join(dir, target.types))) continue
    const entry = path.posix.join(manifest.name, key)
    const { peers, others } = needsOf(manifest, dir, target.types)
    if (peers.length > 1) fail(`${entry}: its types need ${peers.join(' and ')}, and one optional peer is the most`)
    const [peer = ''] = peers
    const known = installations.get(peer) ?? { places: new Map(), entries: [] }
    for (const name of [manifest.name, ...peers, ...others]) known.places.set(name, folder)
    known.entries.push(entry)
    installations.set(peer, known)
  }
}
const queue = [...installations]
await Promise.all(
  os.cpus().map(async () => {
    for (let next = queue.pop(); next; next = queue.pop()) await check(...next)
  }),
)
if (!process.exitCode)
  console.log(
    `types hold with no optional peer, and alone with ${[...installations.keys()].filter(Boolean).join(', ')}`,
  )

/** What the declarations of an entry import, all files that they reach taken together. */
function needsOf(manifest, dir, entry) {
  const { dependencies, peerDependencies, peerDependenciesMeta } = manifest
  const peers = new Set()
  const others = new Set()
  const files = new Set([path.join(dir, entry)])
  for (const file of files) {
    for (const [, from] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()['"]([^'"]+)['"]/g)) {
      if (from.startsWith('.')) files.add(path.resolve(path.dirname(file), from.replace(/\.[tj]s$/, '.d.ts')))
      else if (!from.startsWith('node:')) {
        const name = from.split('/', from.startsWith('@') ? 2 : 1).join('/')
        if (name === manifest.name) continue
        if (!dependencies?.[name] && !peerDependencies?.[name]) fail(`${manifest.name} does not declare ${name}`)
        const optional = peerDependenciesMeta?.[name]?.optional === true && !packages.has(name)
        ;(optional ? peers : others).add(name)
      }
    }
  }
  return { peers: [...peers], others: [...others] }
}

/** A folder of its own with those packages in it: ours as they were packed, the others where they are. */
async function check(peer, { places, entries }) {
  const at = path.join(folders, peer.replaceAll(/[@/]/g, '_') || 'none')
  const modules = path.join(at, 'node_modules')
  link(modules, '', '@types/node')
  for (const [name, folder] of places) {
    const own = packages.get(name)
    if (own) cpSync(own.dir, path.join(modules, name), { recursive: true })
    else {
      link(modules, folder, name)
      link(modules, folder, `@types/${name.replace(/^@(.*)\//, '$1__')}`)
    }
  }
  const file = path.join(at, 'entries.ts')
  writeFileSync(
    file,
    entries.map((entry, i) => `import type * as e${i} from '${entry}'\nexport type E${i} = typeof e${i}\n`).join(''),
  )
  const flags = '--noEmit --strict --module nodenext --target es2023 --lib es2023 --types node --skipDefaultLibCheck'
  const child = spawn(process.execPath, [tsc, ...flags.split(' '), file], { cwd: at })
  let said = ''
  child.stdout.on('data', (chunk) => (said += chunk))
  child.stderr.on('data', (chunk) => (said += chunk))
  await new Promise((resolve) => child.on('close', resolve))
  // what is wrong in somebody else's declarations is theirs to mend
  const ours = said
    .split('\n')
    .filter((line) => /^(entries\.ts|node_modules\/@shop\/)/.test(line) || /^error/.test(line))
  if (ours.length > 0) fail(`${entries.join(', ')}, with ${[...places.keys()].join(', ')}:\n${ours.join('\n')}`)
}

function link(modules, folder, name) {
  const places = [path.join('packages', folder, 'node_modules'), 'node_modules']
  const source = places.map((place) => path.join(root, place, name)).find((place) => existsSync(place))
  if (source === undefined) return
  const to = path.join(modules, name)
  mkdirSync(path.dirname(to), { recursive: true })
  symlinkSync(realpathSync(source), to, 'junction')
}

function fail(what) {
  console.error(what)
  process.exitCode = 1
}

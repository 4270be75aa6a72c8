// Finds the real servers that some tests talk to: a URL in the environment, a program on PATH, or what
// `npm run components` unpacked under .toolchain/debs. Nothing here starts or installs anything.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const debs = path.join(root, '.toolchain', 'debs')
export const spec = JSON.parse(fs.readFileSync(path.join(root, 'scripts/components.json'), 'utf8'))

const dirs = () => [
  path.join(debs, 'bin'),
  ...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean),
  '/usr/sbin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
]
function program(names) {
  for (const name of names.split('|')) {
    for (const d of dirs()) {
      const f = path.join(d, name)
      try {
        fs.accessSync(f, fs.constants.X_OK)
        if (fs.statSync(f).isFile()) return f
      } catch {}
    }
  }
}
function glob(pattern) {
  const found = []
  for (const base of ['/usr', path.join(debs, 'root/usr')]) {
    const walk = (at, [head, ...rest]) => {
      if (!head) {
        found.push(at)
        return
      }
      let names = []
      try {
        names = fs.readdirSync(at)
      } catch {
        return
      }
      const re = new RegExp(`^${head.replace(/[.]/g, '\\.').replaceAll('*', '[^/]*')}$`)
      for (const n of names.sort().reverse()) if (re.test(n)) walk(path.join(at, n), rest)
    }
    walk(base, pattern.split('/'))
  }
  return found[0]
}

/** { ok: true, how, url?, programs?, files? } or { ok: false, missing, hint } */
export function find(name) {
  const c = spec[name]
  if (!c) throw new Error(`no component ${name}`)
  const off = (process.env.SHOP_WITHOUT ?? '').split(',')
  if (off.includes(name) || off.includes('all'))
    return { ok: false, missing: 'switched off by SHOP_WITHOUT', hint: c.other }
  if (c.env && process.env[c.env]) return { ok: true, how: c.env, url: process.env[c.env] }
  const programs = {}
  const files = []
  const missing = []
  for (const p of c.programs ?? []) {
    const f = program(p)
    if (f) programs[p.split('|')[0]] = f
    else missing.push(p)
  }
  for (const g of c.files ?? []) {
    const f = glob(g)
    if (f) files.push(f)
    else missing.push(g)
  }
  if (missing.length)
    return {
      ok: false,
      missing: missing.join(', '),
      hint: fs.existsSync('/usr/bin/apt-get') ? 'npm run components (no root needed)' : c.other,
    }
  return { ok: true, how: Object.values(programs)[0] ?? files[0], programs, files }
}

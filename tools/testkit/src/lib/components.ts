import { accessSync, constants, existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** A real server or program some tests talk to; the whole table is scripts/components.json. */
export interface Component {
  /** Names a program may have (`chromium|google-chrome`), each needed. */
  readonly programs: readonly string[]
  /** Files beside each other under one lib/postgresql/N, for what is loaded and not run. */
  readonly postgres?: readonly string[]
  /** Files under /usr that are loaded and not run: a library of Python's. */
  readonly files?: readonly string[]
  /** Debian packages that carry it; `*` is the newest number there is. */
  readonly debian: readonly string[]
  /** What to install where there is no Debian. */
  readonly other: string
}

export type Found =
  | { readonly ok: true; readonly programs: Readonly<Record<string, string>>; readonly how: string }
  | { readonly ok: false; readonly missing: string; readonly install: string }

const root = fileURLToPath(new URL('../../../..', import.meta.url))
/** Where `npm run components` unpacks Debian's packages, a folder per component: bin/ (wrappers), root/, libs. */
export const debs: string = path.join(root, '.toolchain', 'debs')
export const components: Readonly<Record<string, Component>> = JSON.parse(
  readFileSync(path.join(root, 'scripts/components.json'), 'utf8'),
)

/** Looks on PATH and under .toolchain/debs; starts and installs nothing. */
export function find(name: string): Found {
  const component = components[name]
  if (!component) throw new Error(`no component ${name}; there is: ${Object.keys(components).join(', ')}`)
  const without = (process.env.SHOP_WITHOUT ?? '').split(',')
  if (without.includes(name) || without.includes('all')) return absent(component, 'switched off by SHOP_WITHOUT')
  const programs: Record<string, string> = {}
  let home = ''
  if (component.postgres) {
    home =
      postgresHomes(name).find((dir) => component.postgres?.every((file) => existsSync(path.join(dir, file)))) ?? ''
    if (!home) return absent(component, `lib/postgresql/*/{${component.postgres.join(',')}}`)
    programs.home = home
  }
  const dirs = [path.join(debs, name, 'bin'), ...(home ? [path.join(home, 'bin')] : []), ...searchPath()]
  for (const names of component.programs) {
    const file = locate(names.split('|'), dirs)
    if (!file) return absent(component, names.replace('|', ' or '))
    programs[names.split('|')[0]!] = file
  }
  for (const file of component.files ?? []) {
    const found = [path.join(debs, name, 'root/usr'), '/usr']
      .map((usr) => path.join(usr, file))
      .find((place) => existsSync(place))
    if (!found) return absent(component, file)
    programs[file] = found
  }
  return { ok: true, programs, how: Object.values(programs)[0] ?? '' }
}

function absent(component: Component, missing: string): Found {
  return { ok: false, missing, install: existsSync('/usr/bin/apt-get') ? 'npm run components' : component.other }
}

function searchPath(): string[] {
  return [...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean), '/usr/sbin', '/opt/homebrew/bin']
}

function locate(names: readonly string[], dirs: readonly string[]): string | undefined {
  return names.flatMap((name) => dirs.map((dir) => path.join(dir, name))).find(executable)
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** Every lib/postgresql/N of Debian's, unpacked ones first, newest first. */
function postgresHomes(name: string): string[] {
  return [path.join(debs, name, 'root/usr/lib/postgresql'), '/usr/lib/postgresql'].flatMap((dir) =>
    existsSync(dir)
      ? readdirSync(dir)
          .toSorted((a, b) => Number(b) - Number(a))
          .map((version) => path.join(dir, version))
      : [],
  )
}

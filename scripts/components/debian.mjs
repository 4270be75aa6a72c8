// apt without root and without touching the system: lists, cache and downloads in a folder of ours.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'

// What Debian's packages pull in for services and desktops, and no test needs.
const unneeded =
  /^(perl|libperl|postgresql-common|postgresql-client-common|ssl-cert|sysvinit|init-system-helpers|libjson-perl|ucf|systemd|dbus|adduser|fonts-|libjs-)/

/** @param minutes bounds everything done with it, so that a mirror that stalls cannot hold the tests up */
export function debian(folder, minutes) {
  const deadline = Date.now() + minutes * 60_000
  const settings = [
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=',
  ]
  settings.push('Acquire::Retries=2', 'Acquire::http::Timeout=20', 'Acquire::https::Timeout=20')
  const options = settings.flatMap((setting) => ['-o', setting])

  function run(program, args) {
    const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
    const timeout = Math.max(1, deadline - Date.now())
    try {
      return execFileSync(program, args, {
        env,
        timeout,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        maxBuffer: 1 << 27,
      })
    } catch (error) {
      const why =
        error.code === 'ETIMEDOUT'
          ? `took longer than ${minutes} minutes`
          : String(error.stderr).trim().split('\n').at(-1)
      throw new Error(`${path.basename(program)}: ${why}`)
    }
  }

  return {
    update() {
      for (const dir of ['lists/partial', 'cache/archives/partial'])
        mkdirSync(path.join(folder, dir), { recursive: true })
      run('apt-get', [...options, 'update', '-qq'])
    },

    /** `postgresql-*` is the newest there is. */
    newest(pattern) {
      const matches = new RegExp(`^${pattern.replaceAll('*', '\\d+')}$`)
      const all = run('apt-cache', [...options, 'pkgnames', pattern.split('*')[0]]).split('\n')
      const found = all.filter((name) => matches.test(name)).sort(new Intl.Collator('en', { numeric: true }).compare)
      if (found.length === 0) throw new Error(`this distribution has no ${pattern}`)
      return found.at(-1)
    },

    /** Every file to fetch: the packages named (again, should they be installed) and what they lack here. */
    closure(packages) {
      const args = ['install', '-y', '--reinstall', '--no-install-recommends', '--print-uris', ...packages]
      const files = [...run('apt-get', [...options, ...args]).matchAll(/^'([^']+)' (\S+) (\d+)/gm)]
        .map(([, uri, file, size]) => ({ uri, file, size: Number(size) }))
        .filter(({ file }) => !unneeded.test(file))
      // --print-uris gives MD5 or nothing; the signed index has the SHA-256
      const wanted = files.map(({ file }) => file.split('_').slice(0, 2).map(decodeURIComponent).join('='))
      const sums = new Map()
      for (const stanza of run('apt-cache', [...options, 'show', '--no-all-versions', ...wanted]).split('\n\n')) {
        const name = /^Filename: .*?([^/\n]+)$/m.exec(stanza)?.[1]
        const sum = /^SHA256: (\S+)$/m.exec(stanza)?.[1]
        if (name && sum) sums.set(decodeURIComponent(name), sum)
      }
      return files.map((file) => {
        const sum = sums.get(decodeURIComponent(path.posix.basename(new URL(file.uri).pathname)))
        if (!sum) throw new Error(`the package index has no SHA-256 for ${file.file}`)
        return { ...file, sum: `SHA256:${sum}` }
      })
    },

    /** Downloads and checks them, and unpacks each into `root`. */
    unpack(files, root) {
      const debs = files.map((one) => ({ ...one, deb: path.join(folder, one.file) }))
      run('/usr/lib/apt/apt-helper', [
        ...options,
        'download-file',
        ...debs.flatMap(({ uri, deb, sum }) => [uri, deb, sum]),
      ])
      for (const { deb } of debs) run('dpkg-deb', ['-x', deb, root])
    },
  }
}

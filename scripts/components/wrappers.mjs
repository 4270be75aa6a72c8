// Debian's programs expect to live in /: a wrapper each, in bin/, tells them where their things are.
import { chmodSync, existsSync, globSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

// the templates' folder is compiled into Alertmanager; the wrapper opens the unpacked one as file 9
const compiledIn = { 'prometheus-alertmanager': '/usr/share/prometheus/alertmanager' }
const argumentsOf = { gpg: '--agent-program "$here/bin/gpg-agent"' }

/** @param at the component's folder: root/ as unpacked, bin/ for the wrappers, libs for whoever needs the path */
export function wrap(at) {
  const root = path.join(at, 'root')
  const libs = globSync(['{usr/,}lib/*-linux-gnu', '{usr/,}lib/*-linux-gnu/pulseaudio'], { cwd: root }).map(
    (dir) => `root/${dir}`,
  )
  writeFileSync(path.join(at, 'libs'), libs.join(':'))
  // a later folder wins: chromium itself over Debian's script that starts it
  for (const dir of globSync(['usr/bin', 'usr/sbin', 'usr/lib/postgresql/*/bin', 'usr/lib/chromium'], {
    cwd: root,
  }).sort(byPlace)) {
    for (const program of readdirSync(path.join(root, dir))) {
      if (executable(path.join(root, dir, program))) write(at, `${dir}/${program}`, libs)
    }
  }
}

const byPlace = (a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1)

function write(at, target, libs) {
  const program = path.basename(target)
  const folder = compiledIn[program]
  if (folder) rebase(path.join(at, 'root', target), folder)
  const lines = ['#!/bin/sh', 'here=${0%/*}/..']
  if (folder) lines.push(`exec 9<"$here/root${folder}"`)
  lines.push(
    `LD_LIBRARY_PATH="${libs.map((lib) => `$here/${lib}`).join(':')}" exec "$here/root/${target}" ${argumentsOf[program] ?? ''} "$@"`,
  )
  writeFileSync(path.join(at, 'bin', program), `${lines.join('\n')}\n`, { mode: 0o755 })
}

/** Puts /proc/self/fd/9 in place of a path of the same length. */
function rebase(file, folder) {
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf(folder); at >= 0; at = bytes.indexOf(folder, at + 1))
    bytes.write('/proc/self/fd/9'.padEnd(folder.length, '/'), at)
  chmodSync(file, 0o755)
  writeFileSync(file, bytes)
}

function executable(file) {
  return existsSync(file) && statSync(file).isFile() && (statSync(file).mode & 0o111) !== 0
}

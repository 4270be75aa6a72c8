import { Has, isLetter, isSpace, isWord } from './chars.ts'
import type { Span } from './finding.ts'
import { startsWithWord } from './word-table.ts'

/**
 * Looks for a path that climbs (`../`, `..\`, `....//`, `..;/`, dots and separators in encodings that only decode halfway), that
 * names a file a shop never asks for (`/etc/passwd`, `WEB-INF/web.xml`, `c:\windows\win.ini`), or that reads through a wrapper
 * (`php://filter`, `file:///`). A path counts where one can begin: at the start, after a separator, an equals sign or a quote.
 */
export function pathTraversal(text: string, bits: number): Span | undefined {
  return (
    (bits & Has.dot ? climb(text) : undefined) ??
    (bits & (Has.slash | Has.backslash) ? sensitive(text) : undefined) ??
    (bits & Has.colon && bits & (Has.slash | Has.backslash | Has.dot) ? wrapper(text) : undefined) ??
    (bits & (Has.slash | Has.backslash) ? oddPath(text) : undefined) ??
    (bits & (Has.dot | Has.colon) ? strippedPath(text) : undefined)
  )
}

const isSeparator = (unit: number): boolean => unit === 47 || unit === 92

function climb(text: string): Span | undefined {
  let steps = 0
  for (let i = text.indexOf('..'); i >= 0 && i < text.length; i = text.indexOf('..', i)) {
    const start = i
    while (text.charCodeAt(i) === 46) i++
    const dots = i - start
    const before = start === 0 ? -1 : text.charCodeAt(start - 1)
    const after = separatorAt(text, i)
    const opens =
      before === -1 ||
      isSeparator(before) ||
      before === 61 ||
      before === 34 ||
      before === 39 ||
      before === 59 ||
      before === 64 ||
      before === 38 ||
      before === 63
    const led = isSeparator(before)
    if (after > 0 && (opens || (isSpace(before) && dots === 2 && !isSpace(text.charCodeAt(i + after))))) {
      // a lone "../x" in prose is a relative link; from the start of a value, after a slash, or twice, it is a climb
      steps++
      if ((opens && (dots !== 3 || start < 2)) || steps > 1) return { start, end: i + after, rule: 'path-climb' }
    } else if (after > 0 && (before === 58 || before === 37 || before === 124))
      return { start, end: i + after, rule: 'path-climb' }
    else if (after > 0 && isWord(before) && ++steps > 1) return { start, end: i + after, rule: 'path-climb' }
    else if (led && dots === 2 && i >= text.length) return { start, end: i, rule: 'path-climb' }
    else if (led && dots === 2 && (text.charCodeAt(i) === 59 || text.charCodeAt(i) === 0 || text.charCodeAt(i) === 63))
      return { start, end: i, rule: 'path-climb' }
    else if (dots > 7 && (led || before === 58) && isLetter(text.charCodeAt(i)))
      return { start, end: i, rule: 'path-climb' }
    else if (dots > 3 && led) return { start, end: i, rule: 'path-climb' }
  }
  return undefined
}

/** The length of a separator at `i`: a slash, or what is left of one after a half-done decoding; 0 when there is none. */
function separatorAt(text: string, i: number): number {
  const unit = text.charCodeAt(i)
  if (isSeparator(unit)) return 1
  if (unit === 37) {
    const next = text.charCodeAt(i + 1) | 32
    // %c0%af and its misspellings, %2f, %5c, %u2215, %%35c, %00/
    if (next === 99 || next === 117 || startsWithWord(text, '%2f', i) || startsWithWord(text, '%5c', i)) return 3
    if (text.charCodeAt(i + 1) === 37) return 2
    return startsWithWord(text, '%00', i) && isSeparator(text.charCodeAt(i + 3)) ? 4 : 0
  }
  if (startsWithWord(text, '0x2f', i) || startsWithWord(text, '0x5c', i)) return 4
  if (unit === 59 && isSeparator(text.charCodeAt(i + 1))) return 2
  if (unit === 0xc0 || unit === 0xc1 || unit === 0x2215 || unit === 0x2216 || unit === 0xff0f || unit === 0xff3c)
    return 1
  return 0
}

const roots = [
  'etc/passwd',
  'etc/shadow',
  'etc/group',
  'etc/hosts',
  'etc/issue',
  'etc/motd',
  'etc/mysql',
  'etc/my.cnf',
  'etc/ssh',
  'etc/sudoers',
  'etc/fstab',
  'etc/crontab',
  'etc/cron',
  'etc/init.d',
  'etc/apache',
  'etc/httpd',
  'etc/nginx',
  'etc/php',
  'etc/resolv.conf',
  'etc/profile',
  'etc/security',
  'etc/master.passwd',
  'etc/environment',
  'etc/samba',
  'etc/syslog',
  'etc/ftp',
  'etc/proftpd',
  'etc/vsftpd',
  'etc/redhat-release',
  'etc/debian_version',
  'etc/os-release',
  'etc/network',
  'etc/inittab',
  'etc/ld.so',
  'etc/lighttpd',
  'etc/exports',
  'etc/services',
  'etc/kubernetes',
  'etc/default',
  'etc/logrotate',
  'etc/hostname',
  'etc/login',
  'etc/modules',
  'etc/snmp',
  'etc/openldap',
  'etc/pam',
  'etc/pure-ftpd',
  'etc/chttp',
  'etc/wu-ftpd',
  'etc/apt',
  'etc/gshadow',
  'etc/mtab',
  'etc/at.',
  'proc/self',
  'proc/version',
  'proc/cmdline',
  'proc/net',
  'proc/cpuinfo',
  'proc/sched',
  'proc/mounts',
  'proc/1',
  'proc/2',
  'proc/meminfo',
  'proc/config',
  'proc/modules',
  'proc/swaps',
  'proc/partitions',
  'proc/filesystems',
  'proc/stat',
  'proc/devices',
  'proc/ioports',
  'proc/interrupts',
  'var/log',
  'var/www',
  'var/lib',
  'var/mail',
  'var/spool',
  'var/run',
  'var/adm',
  'var/cpanel',
  'var/apache',
  'var/webmin',
  'var/cache',
  'var/db',
  'var/htmp',
  'var/nm2',
  'usr/local',
  'usr/lib',
  'usr/etc',
  'usr/share',
  'usr/spool',
  'usr/ports',
  'usr/pkgsrc',
  'usr/home',
  'opt/lampp',
  'opt/xampp',
  'opt/apache',
  'opt/httpd',
  'opt/nginx',
  'opt/tomcat',
  'root/.',
  'dev/tcp',
  'dev/shm',
  'dev/null',
  'logs/access',
  'logs/error',
  'logs/security',
  'apache/logs',
  'apache2/logs',
  'apache/conf',
  'apache/php',
  'apache2/conf',
  'xampp/',
  'lampp/',
  'winnt/',
  'winnt',
  'windows/',
  'windows',
  'system32',
  'system/library',
  'volumes/',
  'boot.ini',
  'win.ini',
  'boot/grub',
  'bin/php',
  'inetpub',
  'home/',
  'php/php.ini',
  'php5/php.ini',
  'php4/php.ini',
  'mysql/',
  'private/etc',
  'library/webserver',
  'program files',
  'minint',
  'nist/',
  'srv/www',
  'run/secrets',
  'sys/class',
  'sys/kernel',
  'tmp/sess_',
  'tmp/php',
  'bin/sh',
  'bin/bash',
  'bin/cat',
  'bin/id',
  'bin/ls',
  'sbin/',
] as const

/** Names that give a path away wherever it begins. */
const files = [
  'etc/passwd',
  'etc/shadow',
  'etc/hosts',
  'etc/issue',
  'etc/group',
  'web-inf/',
  'web-inf\\',
  'meta-inf/',
  'boot.ini',
  'win.ini',
  'system.ini',
  '.htaccess',
  '.htpasswd',
  '.git/config',
  '.git/head',
  '.svn/entries',
  '.ssh/',
  'id_rsa',
  'wp-config.php',
  'web.config',
  'proc/self/',
  'proc/version',
  'system32/',
  'winnt/',
  'repair/sam',
  'config/sam',
  'ntuser.dat',
  'autoexec.bat',
  'php.ini',
  'my.cnf',
  'httpd.conf',
  'access_log',
  'error_log',
  'access.log',
  'error.log',
  'global.asa',
  'desktop.ini',
  'localstart.asp',
  'cmd.exe',
  '.bash_history',
  '.bashrc',
  '.env',
  '.aws/credentials',
  'master.passwd',
  'sam._',
  'unattend',
  'config.inc.php',
  'etcpasswd',
  'web-infweb.xml',
  'winnt',
  '{file}',
] as const

const fileIndex = byFirstLetter(files)
const rootIndex = byFirstLetter(roots)

function byFirstLetter(names: readonly string[]): readonly (readonly string[] | undefined)[] {
  const index: string[][] = []
  for (const name of names) (index[name.charCodeAt(0)] ??= []).push(name)
  return index
}

/** The value is a path from the root, or holds one of the names after a separator. */
function sensitive(text: string): Span | undefined {
  const size = text.length
  let first = 0
  if (isLetter(text.charCodeAt(0)) && text.charCodeAt(1) === 58) first = 2
  const rooted = isSeparator(text.charCodeAt(first))
  let i = first
  while (i < size && (isSeparator(text.charCodeAt(i)) || text.charCodeAt(i) === 46)) i++
  const bare = startsWithWord(text, 'etc/', 0) || startsWithWord(text, 'proc/self', 0)
  if (rooted || bare || (first === 2 && i > 2)) {
    for (const name of rootIndex[text.charCodeAt(i) | (isLetter(text.charCodeAt(i)) ? 32 : 0)] ?? [])
      if (pathAt(text, name, i)) return { start: 0, end: i + name.length, rule: 'path-sensitive-file' }
  }
  // where the word round a separator begins, and the last question mark before it
  let word = 0
  let question = -1
  for (let k = 0; k < size; k++) {
    const unit = text.charCodeAt(k)
    if (isSpace(unit)) word = k + 1
    else if (unit === 63) question = k
    if (!isSeparator(unit)) continue
    const next = text.charCodeAt(k + 1)
    const names = fileIndex[isLetter(next) ? next | 32 : next]
    if (names === undefined) continue
    for (const name of names) {
      if (pathAt(text, name, k + 1) && notProse(text, k + 1 + name.length, Math.max(word, k - 256), question))
        return { start: k, end: k + 1 + name.length, rule: 'path-sensitive-file' }
    }
  }
  return undefined
}

function pathAt(text: string, name: string, at: number): boolean {
  if (at + name.length > text.length) return false
  for (let k = 0; k < name.length; k++) {
    let unit = text.charCodeAt(at + k)
    if (unit === 92) unit = 47
    else if (isLetter(unit)) unit |= 32
    if (unit !== name.charCodeAt(k)) return false
  }
  return true
}

/** A web address to a page about such a file is prose. */
function notProse(text: string, end: number, i: number, question: number): boolean {
  const after = text.charCodeAt(end)
  if (isWord(after) && !isSeparator(text.charCodeAt(end - 1)) && text.charCodeAt(end - 1) !== 125) return false
  if (startsWithWord(text, 'http', i)) return question >= i
  return i === 0 || /[=:;|&"'`<>([{ /\\.]/.test(text.charAt(i - 1) + text.charAt(i)) || isSeparator(text.charCodeAt(i))
}

const wrappers = [
  'file:',
  'php://',
  'zip://',
  'phar://',
  'expect://',
  'glob://',
  'ogg://',
  'rar://',
  'ssh2://',
  'zlib:',
  'compress.zlib:',
  'netdoc:',
  'gopher:',
  'dict://',
  'jar:',
  'ldap://',
  'ldaps://',
  'data://',
  'sftp://',
  'tftp://',
  'res://',
] as const

function wrapper(text: string): Span | undefined {
  for (let i = text.indexOf(':'); i >= 0; i = text.indexOf(':', i + 1)) {
    let start = i
    while (start > 0 && i - start < 16 && (isWord(text.charCodeAt(start - 1)) || text.charCodeAt(start - 1) === 46))
      start--
    for (const name of wrappers) {
      if (
        startsWithWord(text, name, start) &&
        ((name.endsWith('/') && isWord(text.charCodeAt(start + name.length))) ||
          isSeparator(text.charCodeAt(i + 1)) ||
          text.charCodeAt(i + 1) === 46)
      )
        return { start, end: i + 1, rule: 'path-wrapper' }
    }
    // \\host\c$ and c:\boot.ini are read by sensitive()
  }
  return undefined
}

/** `/./`, `\\host\c$`, a path with a NUL or a hexadecimal climb: shapes only a probe sends. */
function oddPath(text: string): Span | undefined {
  if (startsWithWord(text, '\\\\', 0)) {
    const share = text.indexOf('$\\')
    if (share > 2 && share < 260) return { start: 0, end: share + 2, rule: 'path-share' }
  }
  const first = text.charCodeAt(0)
  if (isSeparator(first)) {
    if (startsWithWord(text, '0x2e0x2e', 1) || (text.charCodeAt(1) === 46 && isSeparator(text.charCodeAt(2))))
      return { start: 0, end: 3, rule: 'path-climb' }
    // one letter over and over: a path meant to run past a buffer's end
    // the placeholder that path fuzzers leave where a file's name goes
    if (text.endsWith('{file}')) return { start: 0, end: text.length, rule: 'path-placeholder' }
    const unit = text.charCodeAt(1)
    let i = 1
    while (i < text.length && text.charCodeAt(i) === unit) i++
    if (i > 200) return { start: 0, end: i, rule: 'path-overlong' }
    if (i > 6 && unit !== 47 && text.charCodeAt(i) === 123) return { start: 0, end: i, rule: 'path-overlong' }
  }
  return undefined
}

/** A path whose backslashes were lost on the way, as `..\\..\\etc\\passwd` becomes `....etcpasswd`, and `c:\\boot.ini` `c:oot.ini`. */
const stripped = [
  'etcpasswd',
  'etcshadow',
  'etchosts',
  'etcgroup',
  'web-inf',
  'meta-inf',
  'winnt',
  'windows',
  'boot.ini',
  'oot.ini',
  'win.ini',
  'inetpub',
  'procself',
] as const

function strippedPath(text: string): Span | undefined {
  let i = 0
  while (text.charCodeAt(i) === 46) i++
  const climbs = i > 1
  if (i === 0 && isLetter(text.charCodeAt(0)) && text.charCodeAt(1) === 58) i = 2
  if (!climbs && i !== 2) return undefined
  for (const name of stripped)
    if (startsWithWord(text, name, i)) return { start: 0, end: i + name.length, rule: 'path-stripped' }
  return undefined
}

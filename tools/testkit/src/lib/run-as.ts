import { readFileSync } from 'node:fs'

export interface Ids {
  readonly uid?: number
  readonly gid?: number
}

/** PostgreSQL refuses root: as root it runs as a user that /etc/passwd knows. */
export function runAs(): Ids {
  if (process.getuid?.() !== 0) return {}
  const rows = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const row = rows.find(([name]) => name === 'nobody') ?? rows.find(([name]) => name === 'postgres')
  if (!row) throw new Error('running as root, and /etc/passwd names neither nobody nor postgres')
  return { uid: Number(row[2]), gid: Number(row[3]) }
}

import { chownSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import pg from 'pg'

import type { Ids } from './run-as.ts'

/** What a base backup leaves out: the primary's own process, and WAL, which is streamed. */
const left = /\/(postmaster\.(pid|opts)|pg_wal\/.+)$/

/** Copies a running primary's data to where a standby starts from it: what pg_basebackup does, which npm's PostgreSQL lacks. */
export async function baseBackup(url: string, from: string, to: string, ids: Ids): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(`select pg_backup_start('standby', fast => true)`)
    cpSync(from, to, { recursive: true, filter: (file) => !left.test(file) })
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
    writeFileSync(path.join(to, 'backup_label'), rows[0]!.labelfile, { mode: 0o600 })
  } finally {
    await client.end()
  }
  mkdirSync(path.join(to, 'pg_wal/archive_status'), { recursive: true, mode: 0o700 })
  writeFileSync(path.join(to, 'standby.signal'), '', { mode: 0o600 })
  const { uid, gid } = ids
  if (uid === undefined || gid === undefined) return
  for (const file of [to, ...readdirSync(to, { recursive: true, encoding: 'utf8' }).map((name) => path.join(to, name))])
    chownSync(file, uid, gid)
}

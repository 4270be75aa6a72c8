import { hash } from 'node:crypto'

import type { ClientBase } from 'pg'

import { AuditError } from './errors.ts'
import { schemaName } from './options.ts'
import { sqlFiles } from './sql.ts'

export interface MigrateOptions {
  /** @default 'audit' */
  readonly schema?: string
  /** Told of every file applied. */
  readonly onApplied?: (name: string) => void
}

/**
 * Brings the schema up to date: every numbered file once, in order, each in its own transaction. Many may start it at
 * once; one works and the others find nothing left to do. Run as the schema's owner, not as the application.
 * @returns the names of the files applied
 * @throws ERR_SHOP_AUDIT_TAMPERED when a file applied earlier has changed since.
 */
export async function migrate(client: ClientBase, options: MigrateOptions = {}): Promise<string[]> {
  const schema = schemaName('migrate', options.schema)
  const applied: string[] = []
  await client.query(`select pg_advisory_lock(hashtext('shop-audit-migrate:${schema}'))`)
  try {
    await client.query(`create schema if not exists ${schema}`)
    await client.query(
      `create table if not exists ${schema}.migrations (name text primary key, digest text not null, applied_at timestamptz not null default now())`,
    )
    const { rows } = await client.query<{ name: string; digest: string }>(
      `select name, digest from ${schema}.migrations`,
    )
    const before = new Map(rows.map((row) => [row.name, row.digest]))
    for (const file of sqlFiles) {
      const digest = hash('sha256', file.text)
      const known = before.get(file.name)
      if (known === digest) continue
      if (known !== undefined)
        throw new AuditError(
          'ERR_SHOP_AUDIT_TAMPERED',
          `${file.name} was applied with other contents; files are never changed, only added`,
        )
      await applyFile(client, schema, file.name, file.text, digest)
      applied.push(file.name)
      options.onApplied?.(file.name)
    }
    await client.query(`select ${schema}.adopt()`)
    await client.query(`select ${schema}.ensure_partitions(3)`)
  } finally {
    await client.query(`select pg_advisory_unlock(hashtext('shop-audit-migrate:${schema}'))`)
  }
  return applied
}

async function applyFile(
  client: ClientBase,
  schema: string,
  name: string,
  text: string,
  digest: string,
): Promise<void> {
  await client.query('begin')
  try {
    await client.query(text.replace(/(?<!:):schema\b/g, schema))
    await client.query(`insert into ${schema}.migrations (name, digest) values ($1, $2)`, [name, digest])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

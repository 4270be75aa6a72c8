import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

import type { ClientBase, Pool } from 'pg'

import type { Audit } from './audit.ts'
import { acquire } from './connection.ts'
import { AuditError } from './errors.ts'
import type { Actor, AuditEvent } from './event.ts'
import { holdsOver } from './hold.ts'
import { checkNames, schemaName } from './options.ts'
import type { Sealer } from './sealer.ts'

/** A month of events. */
export interface Partition {
  readonly name: string
  /** RFC 3339, UTC; the month is `[from, to)`. */
  readonly from: string
  readonly to: string
}

/** The partitions that are over, older than `keepMonths`, oldest first. */
export async function partitionsDue(
  client: ClientBase,
  keepMonths: number,
  options: { readonly schema?: string; readonly now?: Date } = {},
): Promise<Partition[]> {
  const schema = schemaName('partitionsDue', options.schema)
  const now = options.now ?? new Date()
  const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - keepMonths, 1)
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = '${schema}.events'::regclass and c.relname ~ '^events_\\d{4}_\\d{2}$' order by 1`,
  )
  return rows.map((row) => partitionOf(row.name)).filter((partition) => Date.parse(partition.to) <= end)
}

function partitionOf(name: string): Partition {
  const [, year, month] = /^events_(\d{4})_(\d{2})$/.exec(name) ?? []
  if (!year || !month)
    throw new AuditError('ERR_SHOP_AUDIT_RETENTION', `${JSON.stringify(name.slice(0, 64))} is no month of events`)
  return {
    name,
    from: new Date(Date.UTC(Number(year), Number(month) - 1, 1)).toISOString(),
    to: new Date(Date.UTC(Number(year), Number(month), 1)).toISOString(),
  }
}

export interface RetireOptions {
  readonly pool: Pool
  readonly audit: Pick<Audit, 'within'>
  readonly sealer: Pick<Sealer, 'seal'>
  /** `events_2026_01`, as {@link partitionsDue} names it. */
  readonly partition: string
  /** Where the archive goes: `<partition>.jsonl.gz`. */
  readonly directory: string
  readonly actor: Actor
  /** Why it may go: the retention rule. */
  readonly reason: string
  /** Removes the detached table instead of leaving it beside the trail. @default false */
  readonly drop?: boolean
  /** @default 'audit' */
  readonly schema?: string
}

export interface Retired extends Partition {
  readonly archive: string
  /** SHA-256 of the archive, in hex; it stands in the trail. */
  readonly digest: string
  readonly count: number
}

/**
 * Lets a month leave the database: everything in it is sealed, exported and synced, its leaving is recorded and sealed,
 * and only then is it detached. The tree keeps its hashes, so every proof still verifies.
 * @throws ERR_SHOP_AUDIT_RETENTION when it is not over, not sealed, or under a legal hold.
 */
export async function retirePartition(options: RetireOptions): Promise<Retired> {
  checkNames('retirePartition', options, [
    'pool',
    'audit',
    'sealer',
    'partition',
    'directory',
    'actor',
    'reason',
    'drop',
    'schema',
  ])
  const schema = schemaName('retirePartition', options.schema)
  const partition = partitionOf(options.partition)
  await options.sealer.seal()
  const client = await acquire(options.pool)
  let broken = true
  try {
    await mayLeave(client, schema, partition)
    const exported = await archive(client, schema, partition, options.directory)
    await record(client, options, partition, exported)
    await seal(client, schema, options.sealer)
    await detach(client, schema, partition, exported.count, options.drop ?? false)
    broken = false
    return { ...partition, ...exported }
  } finally {
    client.release(broken)
  }
}

async function mayLeave(client: ClientBase, schema: string, partition: Partition): Promise<void> {
  if (Date.parse(partition.to) > Date.now())
    throw new AuditError('ERR_SHOP_AUDIT_RETENTION', `${partition.name} is not over`)
  const { rows } = await client.query<{ there: boolean }>(`select to_regclass($1) is not null as there`, [
    `${schema}.${partition.name}`,
  ])
  if (!rows[0]!.there) throw new AuditError('ERR_SHOP_AUDIT_RETENTION', `there is no partition ${partition.name}`)
  const [hold] = await holdsOver(client, schema, partition)
  if (hold)
    throw new AuditError('ERR_SHOP_AUDIT_RETENTION', `${partition.name} is under legal hold ${hold.id}: ${hold.reason}`)
  const unsealed = await client.query(
    `select from ${schema}.${partition.name} where xid >= (select sealed_xid from ${schema}.log) limit 1`,
  )
  if (unsealed.rowCount !== 0)
    throw new AuditError('ERR_SHOP_AUDIT_RETENTION', `${partition.name} holds events that are not sealed yet`)
}

interface Exported {
  readonly archive: string
  readonly digest: string
  readonly count: number
}

async function archive(client: ClientBase, schema: string, partition: Partition, directory: string): Promise<Exported> {
  const file = path.join(directory, `${partition.name}.jsonl.gz`)
  const digest = createHash('sha256')
  let count = 0
  async function* lines(): AsyncGenerator<string> {
    await client.query('begin isolation level repeatable read read only')
    try {
      await client.query(
        `declare leaving cursor for select body, encode(mac, 'hex') mac, encode(sealed, 'base64') sealed, subject
         from ${schema}.${partition.name} order by time, id`,
      )
      for (;;) {
        const { rows } = await client.query<Record<string, string | null>>('fetch 1000 from leaving')
        if (rows.length === 0) return
        count += rows.length
        yield rows.map((row) => `${JSON.stringify(row)}\n`).join('')
      }
    } finally {
      await client.query('rollback')
    }
  }
  const handle = await open(file, 'w', 0o600)
  try {
    await pipeline(
      lines,
      createGzip(),
      async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) {
          digest.update(chunk)
          yield chunk
        }
      },
      async (source: AsyncIterable<Buffer>) => {
        for await (const chunk of source) await handle.write(chunk)
      },
    )
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { archive: file, digest: digest.digest('hex'), count }
}

async function record(
  client: ClientBase,
  options: RetireOptions,
  partition: Partition,
  exported: Exported,
): Promise<void> {
  const data = {
    partition: partition.name,
    from: partition.from,
    to: partition.to,
    count: exported.count,
    archive: `sha256:${exported.digest}`,
    reason: options.reason,
  }
  const event: AuditEvent<'trail.retired', typeof data> & { readonly data: typeof data } = {
    action: 'trail.retired',
    actor: options.actor,
    data,
  }
  await options.audit.within(client, event)
}

/** The retirement itself must be in the tree before anything leaves: else `verify` would call the month deleted. */
async function seal(client: ClientBase, schema: string, sealer: Pick<Sealer, 'seal'>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    await sealer.seal()
    const { rowCount } = await client.query(
      `select from ${schema}.events where action = 'trail.retired' and xid >= (select sealed_xid from ${schema}.log) limit 1`,
    )
    if (rowCount === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new AuditError('ERR_SHOP_AUDIT_RETENTION', 'an older transaction keeps the retirement from being sealed')
}

async function detach(
  client: ClientBase,
  schema: string,
  partition: Partition,
  count: number,
  drop: boolean,
): Promise<void> {
  await client.query('begin')
  try {
    await client.query(`set local lock_timeout = '5s'`)
    await client.query(`alter table ${schema}.events detach partition ${schema}.${partition.name}`)
    const { rows } = await client.query<{ n: string }>(`select count(*) n from ${schema}.${partition.name}`)
    if (Number(rows[0]!.n) !== count)
      throw new AuditError('ERR_SHOP_AUDIT_RETENTION', `${partition.name} changed while it was exported`)
    if (drop) await client.query(`drop table ${schema}.${partition.name}`)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

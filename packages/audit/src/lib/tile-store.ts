import type { ClientBase } from 'pg'

import { AuditError } from './errors.ts'
import type { Tile, TileReader } from './tiles.ts'

/** Reads tiles from the database and remembers the last few hundred. */
export function tileReader(client: ClientBase, schema: string): TileReader {
  const cache = new Map<string, Uint8Array>()
  return async (level, index) => {
    const name = `${level}/${index}`
    const known = cache.get(name)
    if (known) return known
    const { rows } = await client.query<{ hashes: Buffer }>(
      `select hashes from ${schema}.tiles where level = $1 and index = $2`,
      [level, index],
    )
    const tile = rows[0]?.hashes
    if (!tile) throw new AuditError('ERR_SHOP_AUDIT_TAMPERED', `the tree lacks tile ${name}`)
    if (cache.size >= 512) cache.clear()
    cache.set(name, tile)
    return tile
  }
}

/** A tile to be stored; on level 0 with the keys of its events. */
export interface StoredTile extends Tile {
  readonly keys: Uint8Array | undefined
}

/** Writes new and grown tiles. */
export async function writeTiles(client: ClientBase, schema: string, tiles: readonly StoredTile[]): Promise<void> {
  for (let at = 0; at < tiles.length; at += 64) {
    const some = tiles.slice(at, at + 64)
    const spans = some.map((tile) => timeSpan(tile.keys))
    await client.query(
      `insert into ${schema}.tiles as t (level, index, hashes, keys, earliest, latest)
       select * from unnest($1::smallint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::timestamptz[])
       on conflict (level, index) do update
         set hashes = excluded.hashes, keys = excluded.keys, earliest = excluded.earliest, latest = excluded.latest`,
      [
        some.map((tile) => tile.level),
        some.map((tile) => tile.index),
        some.map((tile) => tile.hashes),
        some.map((tile) => tile.keys ?? null),
        spans.map((span) => span?.[0] ?? null),
        spans.map((span) => span?.[1] ?? null),
      ],
    )
  }
}

/** Bytes of one event's key: its time as PostgreSQL sends it, and its id. */
export const KEY_BYTES = 24

/** PostgreSQL's microseconds since 2000 as an RFC 3339 time. */
export function keyTime(key: Uint8Array): string {
  const micros = Buffer.from(key.buffer, key.byteOffset, 8).readBigInt64BE()
  return new Date(Number(micros / 1000n) + 946_684_800_000).toISOString()
}

function timeSpan(keys: Uint8Array | undefined): readonly [string, string] | undefined {
  if (!keys || keys.length === 0) return undefined
  let earliest = keys.subarray(0, 8)
  let latest = earliest
  for (let at = KEY_BYTES; at < keys.length; at += KEY_BYTES) {
    const time = keys.subarray(at, at + 8) // big-endian and, since 2000, not negative: bytes compare as times do
    if (Buffer.compare(time, earliest) < 0) earliest = time
    if (Buffer.compare(time, latest) > 0) latest = time
  }
  return [keyTime(earliest), keyTime(latest)]
}

import { checkKeysetJson } from './keyset-json.ts'
import type { KeysetStore } from './keyset-store.ts'
import { tableName } from './queryable.ts'
import type { Queryable } from './queryable.ts'

/** A keyset in a table, for all processes on one database. Only for wrapped keys: a dump of the database must not hold them in the clear. */
export interface PostgresKeysetStore extends KeysetStore {
  /** Creates the table when it is not there. */
  install(): Promise<void>
}

/**
 * @param table is created by `install`. @default 'shop_keysets'
 * @param name tells several keysets in one table apart. @default 'default'
 */
export function postgresKeysetStore(client: Queryable, table = 'shop_keysets', name = 'default'): PostgresKeysetStore {
  const into = tableName(table)
  return {
    async install() {
      await client.query(`create table if not exists ${into} (name text primary key, keyset text not null)`)
    },
    async load() {
      const { rows } = await client.query(`select keyset from ${into} where name = $1`, [name])
      const text = (rows as { keyset: string }[])[0]?.keyset
      return text === undefined ? undefined : checkKeysetJson(text)
    },
    async save(next, previous) {
      const text = JSON.stringify(checkKeysetJson(next))
      const { rowCount } =
        previous === undefined
          ? await client.query(`insert into ${into} (name, keyset) values ($1, $2) on conflict do nothing`, [
              name,
              text,
            ])
          : await client.query(`update ${into} set keyset = $2 where name = $1 and keyset = $3`, [
              name,
              text,
              JSON.stringify(previous),
            ])
      return rowCount === 1
    },
  }
}

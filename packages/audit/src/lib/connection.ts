import type { Pool, PoolClient } from 'pg'

const quiet = new WeakSet<PoolClient>()

/** A connection of the pool that may be lost while it is held: the next query tells, not an uncaught event. */
export async function acquire(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect()
  if (!quiet.has(client)) {
    quiet.add(client)
    client.on('error', ignore)
  }
  return client
}

function ignore(): void {}

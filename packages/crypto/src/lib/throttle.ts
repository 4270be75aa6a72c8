import { setTimeout as sleep } from 'node:timers/promises'
import type { Queryable } from './queryable.ts'

/** When a long run stands aside. */
export interface ThrottleOptions {
  /** Sessions of this database that wait for a lock; more than this, and the run pauses. */
  readonly maxLockWaits: number
  /** Seconds a standby may be behind. */
  readonly maxLagSeconds: number
  /** Milliseconds between looks at the server. */
  readonly every: number
}

/** A lag stays on show for a while after the standby has caught up, so it counts only while there is something to replay. */
const load = `select
  (select count(*) from pg_locks l join pg_database d on d.oid = l.database where not l.granted and d.datname = current_database())::int as waiting,
  (select coalesce(max(extract(epoch from replay_lag)) filter (where replay_lsn < w.here), 0) from pg_stat_replication)::float as lag
  from (select case when pg_is_in_recovery() then null else pg_current_wal_lsn() end as here) as w`

/** Waits for as long as the server has others waiting or standbys behind. */
export class Throttle {
  readonly #client: Queryable
  readonly #options: ThrottleOptions
  #looked = -Infinity

  constructor(client: Queryable, options: ThrottleOptions) {
    this.#client = client
    this.#options = options
  }

  async pass(signal: AbortSignal | undefined): Promise<void> {
    if (performance.now() - this.#looked < this.#options.every) return
    for (let pause = 100; ; pause = Math.min(pause * 2, 5000)) {
      const { rows } = await this.#client.query(load)
      this.#looked = performance.now()
      const { waiting, lag } = rows[0] as { waiting: number; lag: number }
      if (waiting <= this.#options.maxLockWaits && lag <= this.#options.maxLagSeconds) return
      await sleep(pause, undefined, signal ? { signal } : {})
    }
  }
}

import { spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { addKey, createKeyset, promoteKey } from '../src/lib/keyset-edit.ts'
import { createVault } from '../src/lib/vault.ts'

const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

/** How hard the drill is. */
export interface DrillOptions {
  readonly url: string
  /** Where the keyset file goes. */
  readonly dir: string
  readonly kills: number
  readonly rows: number
  readonly batch: number
  readonly onKill?: (kills: number) => void
}

/** What happened, and everything that should not have. */
export interface DrillReport {
  readonly kills: number
  /** Rows rewritten by the runs that were killed. */
  readonly rewrittenBeforeKills: number
  readonly writes: number
  readonly violations: readonly string[]
}

/**
 * Re-encrypts a table by the real command while it is killed again and again and others write to the same rows, some of them still
 * under the old key. A trigger notes every change: at the end each row must hold its last writer's value under the new key, and no
 * row may have been rewritten twice without somebody having written it between.
 */
export async function killDrill({ url, dir, kills, rows, batch, onKill }: DrillOptions): Promise<DrillReport> {
  const before = await createKeyset()
  const grown = await addKey(before)
  const after = promoteKey(grown, grown.keys[1]!.id)
  const file = `${dir}/keyset.json`
  await writeFile(file, JSON.stringify(after))
  const old = createVault({ keyset: grown })
  const fresh = createVault({ keyset: after })
  const place = (id: number) => ({ table: 'people', column: 'phone', row: id })
  const values = new Map(Array.from({ length: rows }, (_, i) => [i + 1, `+49151${i}`]))

  const pool = new pg.Pool({ connectionString: url, max: 4, application_name: 'drill' })
  await pool.query(`
    drop table if exists people, changes;
    create table people (id int primary key, phone text not null);
    create table changes (seq bigint generated always as identity, id int, old text, new text, who text);`)
  await pool.query('insert into people select * from unnest($1::int[], $2::text[])', [
    [...values.keys()],
    [...values].map(([id, value]) => old.encrypt(value, place(id))),
  ])
  await pool.query(`
    create or replace function note() returns trigger language plpgsql as $$ begin
      insert into changes (id, old, new, who) values (new.id, old.phone, new.phone, current_setting('application_name')); return new; end $$;
    create trigger note after update on people for each row execute function note();`)

  let writing = true
  let writes = 0
  const writer = async (): Promise<void> => {
    while (writing) {
      const id = randomInt(1, rows + 1)
      const value = `+1${randomBytes(4).readUInt32BE(0)}`
      const token = (writes % 2 === 0 ? old : fresh).encrypt(value, place(id))
      await pool.query('update people set phone = $2 where id = $1', [id, token])
      values.set(id, value)
      writes++
      await sleep(5)
    }
  }
  const writers = writer()

  const args = [
    'reencrypt',
    '--keyset',
    file,
    '--table',
    'people',
    '--column',
    'phone',
    '--key',
    'id',
    '--batch',
    String(batch),
  ]
  const start = () =>
    spawn(process.execPath, [cli, ...args], {
      env: { ...process.env, DATABASE_URL: url },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  const done = async (): Promise<number> =>
    Number((await pool.query("select count(*) from changes where who = 'shop-crypto'")).rows[0].count)

  let killed = 0
  while (killed < kills) {
    const child = start()
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const from = await done()
    // into its work, not into its start
    while (child.exitCode === null && (await done()) === from) await sleep(2)
    await sleep(randomInt(0, 150))
    if (child.exitCode === null) {
      child.kill('SIGKILL')
      killed++
      onKill?.(killed)
    }
    await ended
    // a run that came to its end leaves nothing to kill: put some rows back under the old key
    if (child.exitCode !== null) await rollBack(pool, old, values, place)
  }
  const rewrittenBeforeKills = await done()
  writing = false
  await writers

  const violations: string[] = []
  const last = start()
  let said = ''
  last.stderr.on('data', (data) => (said += String(data)))
  const code = await new Promise((resolve) => last.once('exit', resolve))
  if (code !== 0) violations.push(`the last run ended with ${String(code)}: ${said}`)

  const { rows: people } = await pool.query<{ id: number; phone: string }>('select * from people')
  if (people.length !== rows) violations.push(`${people.length} rows of ${rows}`)
  for (const { id, phone } of people) {
    if (fresh.isStale(phone, place(id))) violations.push(`row ${id} was skipped`)
    else if (fresh.decrypt(phone, place(id)) !== values.get(id)) violations.push(`row ${id} lost a write`)
  }
  const { rows: changes } = await pool.query<{ id: number; old: string; new: string; who: string }>(
    'select * from changes order by seq',
  )
  const lastBy = new Map<number, string>()
  for (const change of changes) {
    if (change.who === 'shop-crypto') {
      if (lastBy.get(change.id) === 'shop-crypto') violations.push(`row ${change.id} was rewritten twice`)
      if (fresh.decrypt(change.old, place(change.id)) !== fresh.decrypt(change.new, place(change.id)))
        violations.push(`row ${change.id} changed its value`)
    }
    lastBy.set(change.id, change.who)
  }
  await pool.end()
  return { kills: killed, rewrittenBeforeKills, writes, violations }
}

async function rollBack(
  pool: pg.Pool,
  old: ReturnType<typeof createVault>,
  values: ReadonlyMap<number, string>,
  place: (id: number) => { table: string; column: string; row: number },
): Promise<void> {
  const ids = [...values.keys()].filter((id) => id % 2 === 0)
  for (const id of ids.slice(0, 2000)) {
    const { rows } = await pool.query<{ phone: string }>('select phone from people where id = $1', [id])
    const phone = rows[0]!.phone
    await pool.query('update people set phone = $2 where id = $1 and phone = $3', [
      id,
      old.rebind(phone, place(id), place(id)),
      phone,
    ])
  }
}

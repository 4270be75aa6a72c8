import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import pg from 'pg'

import { startPostgres } from '@shop/testkit/postgres'

import { checkpointSigner, createAudit, createSealer, migrate, type VerifyReport, verifyTrail } from '../src/index.ts'

export interface FaultOptions {
  /** Kills of the writer or of PostgreSQL, at random points. */
  readonly kills: number
  /** Longest wait before a kill, in milliseconds. */
  readonly within: number
  /** After the kills, PostgreSQL stays away for so long while the writer goes on, in milliseconds. @default 0 */
  readonly outage?: number
  /** fsync as in production. Without it a killed server still keeps what it wrote; only a power cut would not. @default true */
  readonly durable?: boolean
  readonly onKill?: (done: number) => void
}

export interface FaultCount {
  readonly writerKills: number
  readonly postgresKills: number
  readonly acknowledged: number
  /** Acknowledged, still in the spool when the last writer ended, and handed on by the next process. */
  readonly handedOn: number
  /** Acknowledged, and not in the database after that. */
  readonly lost: number
  /** Rows in the database beyond the first of an id. */
  readonly duplicated: number
  /** Refused to the caller while something was down. */
  readonly refused: number
  /** Of the writer, the highest seen, in MB. */
  readonly memory: number
  readonly acknowledgedInOutage: number
  readonly spoolFilesLeft: number
  readonly report: VerifyReport
}

/** Kills the writer and PostgreSQL at random points, then counts what was acknowledged, lost and duplicated. */
export async function faultRun(options: FaultOptions): Promise<FaultCount> {
  await using server = await startPostgres({
    durable: options.durable ?? true,
    settings: { synchronous_commit: 'on', full_page_writes: 'on' },
  })
  const spool = mkdtempSync(path.join(tmpdir(), 'shop-audit-fault-'))
  const macKey = randomBytes(32)
  const signer = checkpointSigner({ name: 'fault.test/audit', key: generateKeyPairSync('ed25519').privateKey })
  const pool = new pg.Pool({ connectionString: server.url, max: 3, connectionTimeoutMillis: 2000 })
  pool.on('error', () => {})
  const setup = new pg.Client(server.url)
  await setup.connect()
  await migrate(setup)
  await setup.end()
  const sealer = createSealer({ pool, signer, macKey, interval: 100 })
  sealer.start()
  const writer = new Writer({ FAULT_URL: server.url, FAULT_SPOOL: spool, FAULT_MAC: macKey.toString('hex') })
  let [writerKills, postgresKills, acknowledgedInOutage] = [0, 0, 0]
  try {
    writer.start()
    await writer.firstAck()
    for (let kill = 0; kill < options.kills; kill++) {
      await sleep(Math.random() * options.within)
      if (Math.random() < 0.5) {
        await writer.kill()
        writer.start()
        await sleep(150) // a new process takes that long to begin
        writerKills++
      } else {
        await server.kill9()
        await sleep(Math.random() * 100)
        await server.restart()
        postgresKills++
      }
      options.onKill?.(kill + 1)
    }
    if (options.outage) {
      await writer.firstAck()
      await server.kill9()
      const before = writer.acknowledged.size
      await sleep(options.outage)
      for (let i = 0; i < 200 && writer.acknowledged.size < before + 20; i++) await sleep(50)
      acknowledgedInOutage = writer.acknowledged.size - before
      await server.restart()
    }
    await writer.firstAck()
    await writer.stop()
    const client = new pg.Client(server.url)
    await client.connect()
    const handedOn = missing(writer.acknowledged, await storedIds(client))
    await drainRest(pool, spool, macKey)
    while ((await sealer.seal())?.added !== 0) await sleep(20) // another seal may hold the lock
    await sealer.close()
    const ids = await storedIds(client)
    const report = await verifyTrail({ client, verifierKey: signer.verifierKey, macKey })
    await client.end()
    return {
      writerKills,
      postgresKills,
      acknowledged: writer.acknowledged.size,
      handedOn,
      lost: missing(writer.acknowledged, ids),
      duplicated: ids.length - new Set(ids).size,
      refused: writer.refused,
      memory: writer.memory,
      acknowledgedInOutage,
      spoolFilesLeft: readdirSync(spool).length,
      report,
    }
  } finally {
    await writer.kill()
    await sealer.close()
    await pool.end()
    rmSync(spool, { recursive: true, force: true })
  }
}

async function storedIds(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<[string]>({ text: 'select id from audit.events', rowMode: 'array' })
  return rows.map(([id]) => id)
}

function missing(acknowledged: ReadonlySet<string>, stored: readonly string[]): number {
  const there = new Set(stored)
  return [...acknowledged].filter((id) => !there.has(id)).length
}

/** What the writer's own deadline left in the spool is the next process's to hand on, as after any restart. */
async function drainRest(pool: pg.Pool, directory: string, macKey: Buffer): Promise<void> {
  const audit = createAudit({ pool, macKey, spool: { directory } })
  await audit.drain({ deadline: '30m' })
  await audit.close()
}

class Writer {
  readonly acknowledged = new Set<string>()
  refused = 0
  memory = 0
  readonly #env: Record<string, string>
  #child: ChildProcess | undefined
  #closed: Promise<unknown> | undefined
  #onAck: () => void = () => {}

  constructor(env: Record<string, string>) {
    this.#env = env
  }

  start(): void {
    const script = path.join(import.meta.dirname, 'fault-writer.ts')
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let rest = ''
    child.stdout.on('data', (data: Buffer) => {
      const lines = (rest + data.toString()).split('\n')
      rest = lines.pop()!
      for (const line of lines) {
        if (line.startsWith('!')) this.refused++
        else this.acknowledged.add(line.slice(1))
      }
      this.#onAck()
      this.#look(child)
    })
    this.#child = child
    this.#closed = once(child, 'close')
  }

  #look(child: ChildProcess): void {
    try {
      const pages = Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1])
      this.memory = Math.max(this.memory, Math.round((pages * 4096) / 2 ** 20))
    } catch {
      // gone, or no /proc here
    }
  }

  async firstAck(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onAck = resolve
    })
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#closed
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM')
    await this.#closed
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// apply, interrupted in the middle of every one of its steps, once by cancelling its statement and once by kill -9: the next
// run finishes, nothing is left invalid, and rolling back restores the catalogue. A concurrent build has three middles.
//   node soak/apply.soak.ts [first] [last]     default: every step
import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { type Brake, BRAKES, heldAt, installBrake } from '../fixtures/brake.ts'
import { definitions } from '../fixtures/definitions.ts'
import { PLAIN } from '../fixtures/shops.ts'
import { apply, rollback } from '../src/index.ts'

const server = await startPostgres()
const client = new pg.Client(server.url)
client.on('error', () => {})
await client.connect()
await PLAIN.load(client, { products: 500, orders: 500 })
await installBrake(client)
const run = { connect: server.url, mapping: PLAIN.mapping }
const before = await definitions(client)
const script = new URL('../fixtures/apply-child.ts', import.meta.url)
const steps = (await apply(run)).made
await rollback(run)

const [first, last] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? steps.length)]
const middles = steps
  .slice(first - 1, last)
  .flatMap(({ mode }, n) => BRAKES[mode].map((brake) => ({ step: first + n, brake })))
const where = new Map<string, number>()
let failures = 0

const bar = progress('interruptions', middles.length * 2)
for (const { step, brake } of middles) {
  for (const how of ['cancel', 'kill -9'] as const) {
    const child = fork(script, [server.url, String(step), brake], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    const ended = await interrupt(child, how, brake)
    const wrong = [...(ended === undefined ? [] : [ended]), ...(await unhealed())]
    if (wrong.length > 0) {
      failures++
      const { kind, name } = steps[step - 1]!
      console.log(`${how} at step ${step} (${kind} ${name}, ${brake}): ${wrong.join('; ').slice(0, 500)}`)
    }
    bar.tick()
  }
}
bar.done()
for (const [at, count] of [...where].sort()) console.log(`interrupted by ${at}: ${count}`)
console.log(
  `${middles.length * 2} interruptions in ${last - first + 1} of ${steps.length} steps, ${failures} not healed`,
)
await client.end()
await server.stop()
process.exitCode = failures === 0 ? 0 : 1

/** Waits until the run is held, and ends it; gives what was unexpected. */
async function interrupt(child: ChildProcess, how: 'cancel' | 'kill -9', brake: Brake): Promise<string | undefined> {
  let told = ''
  child.on('message', (message) => (told = String(message)))
  const gone = (): boolean => child.exitCode !== null || child.signalCode !== null
  for (let times = 0; !gone(); await sleep(times === 0 ? 5 : 200)) {
    const pid = await heldAt(client, brake)
    if (pid === undefined) continue
    if (times++ === 0) where.set(`${how}, ${brake}`, (where.get(`${how}, ${brake}`) ?? 0) + 1)
    if (how === 'cancel') await client.query('select pg_cancel_backend($1)', [pid])
    else child.kill('SIGKILL')
  }
  if (how === 'cancel' && told !== 'failed 57014') return `cancelled at its ${brake}, it said ${told}`
  return how === 'kill -9' && child.signalCode !== 'SIGKILL' ? `came to no ${brake}, it said ${told}` : undefined
}

/** The next run, and the one after, and taking it all away again; gives what is not as it should be. */
async function unhealed(): Promise<string[]> {
  await apply(run)
  const again = await apply(run)
  const invalid = await client.query<{ name: string }>(
    'select indexrelid::regclass::text as name from pg_index where not indisvalid',
  )
  await rollback(run)
  const after = await definitions(client)
  return [
    ...again.made.map(({ name }) => `left over: ${name}`),
    ...invalid.rows.map(({ name }) => `invalid: ${name}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `stayed: ${line.slice(0, 60)}`),
    ...before.filter((line) => !after.includes(line)).map((line) => `went: ${line.slice(0, 60)}`),
  ]
}

// apply, killed with -9 at every one of its steps: the next run finishes, nothing is left invalid, and rolling back restores the catalogue.
//   node soak/apply.soak.ts [first] [last]     default: every step
import { fork } from 'node:child_process'
import { once } from 'node:events'

import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { definitions } from '../fixtures/definitions.ts'
import { PLAIN } from '../fixtures/shops.ts'
import { apply, rollback } from '../src/index.ts'

const server = await startPostgres()
const client = new pg.Client(server.url)
client.on('error', () => {})
await client.connect()
await PLAIN.load(client, { products: 500, orders: 500 })
const before = await definitions(client)
const script = new URL('../fixtures/apply-child.ts', import.meta.url)
const steps = (await apply({ connect: server.url, mapping: PLAIN.mapping })).made.length
await rollback({ connect: server.url, mapping: PLAIN.mapping })
const [first, last] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? steps)]
const bar = progress('kills', last - first + 1)
let failures = 0
for (let step = first; step <= last; step++) {
  const child = fork(script, [server.url, String(step)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  await Promise.race([once(child, 'message'), once(child, 'exit')])
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  await apply({ connect: server.url, mapping: PLAIN.mapping })
  const again = await apply({ connect: server.url, mapping: PLAIN.mapping })
  const { rows } = await client.query('select from pg_index where not indisvalid')
  await rollback({ connect: server.url, mapping: PLAIN.mapping })
  const after = await definitions(client)
  if (again.made.length > 0 || rows.length > 0 || JSON.stringify(after) !== JSON.stringify(before)) {
    failures++
    console.log(
      `killed at step ${step}: ${again.made.length} left over, ${rows.length} invalid, ${after
        .filter((line) => !before.includes(line))
        .map((line) => line.slice(0, 60))
        .join('; ')
        .slice(0, 500)}`,
    )
  }
  bar.tick()
}
bar.done()
console.log(`${last - first + 1} kills of ${steps} steps, ${failures} not healed`)
await client.end()
await server.stop()
process.exitCode = failures === 0 ? 0 : 1

// Does the work of every key, in an order of its own, each in one transaction with its claim; until somebody has done all of it.
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'

import { postgresStore } from '../src/postgres.ts'

const [url, keys] = process.argv.slice(2)
const client = new pg.Client(url)
await client.connect()
const store = postgresStore(client)
let left = Array.from({ length: Number(keys) }, (_, n) => `key ${n}`).toSorted(() => Math.random() - 0.5)
process.send!('ready')

while (left.length > 0) {
  const held: string[] = []
  for (const key of left) {
    await client.query('begin')
    const claim = await store.claim(key, { fingerprint: 'f', lease: 60_000, tx: client })
    if (claim.state === 'claimed') {
      await client.query('insert into effects (key) values ($1)', [key])
      await store.complete(claim.token, `receipt of ${key}`, client)
    } else if (claim.state === 'in-flight') held.push(key)
    await client.query('commit')
  }
  left = held
  if (held.length > 0) await wait(20)
}
await client.end()
process.disconnect()

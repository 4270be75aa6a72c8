// Strings to strings: ours against aes-256-gcm by hand and against the libraries. Figures are operations per CPU second.
import { randomBytes } from 'node:crypto'
import { benchTable, interleave } from '@shop/testkit/bench'
import type { Goal, Row } from '@shop/testkit/bench'
import { createVault } from '../src/index.ts'
import { peers, rawGcm } from './peers.ts'

const vault = createVault({ masterKey: randomBytes(32).toString('hex') })
const context = { tenant: 'tenant-1', table: 'customers', column: 'phone', row: 1_234_567 }
const raw = rawGcm()
const rows: Row[] = []

async function against(name: string, ours: () => unknown, peer: () => unknown, goal: Goal): Promise<void> {
  // a call counted while it is still being compiled is not what it costs
  for (const arm of [ours, peer]) for (const end = performance.now() + 300; performance.now() < end;) arm()
  // many short turns: on a busy machine the least of a few long ones is still noise
  const costs = await interleave({ ours, peer }, { repeats: 60, turn: 8 })
  rows.push({ name, ours: costs.ours.perSecond, peer: costs.peer.perSecond, goal })
}

const short = '+4915112345678901234'
const token = vault.encrypt(short, context)
const rawToken = raw.encrypt(short) as string
await against(
  'encrypt 20 B vs raw gcm',
  () => vault.encrypt(short, context),
  () => raw.encrypt(short),
  '>= 0.85',
)
await against(
  'decrypt 20 B vs raw gcm',
  () => vault.decrypt(token, context),
  () => raw.decrypt(rawToken),
  '>= 0.75',
)

const many = Array.from({ length: 1000 }, (_, i) => ({
  value: `+49151123456789${String(i).padStart(5, '0')}`,
  context: { ...context, row: i + 1 },
}))
const manyTokens = vault.encryptMany(many).map((sealed, i) => ({ token: sealed, context: many[i]!.context }))
const manyRaw = many.map(({ value }) => raw.encrypt(value) as string)
await against(
  'encryptMany 1000 x 20 B vs raw gcm',
  () => vault.encryptMany(many),
  () => many.map(({ value }) => raw.encrypt(value)),
  '>= 0.85',
)
await against(
  'decryptMany 1000 x 20 B vs raw gcm',
  () => vault.decryptMany(manyTokens),
  () => manyRaw.map((sealed) => raw.decrypt(sealed)),
  '>= 1.1',
)

for (const [label, size, goal] of [
  ['4 KB', 4096, '>= 0.65'],
  ['1 MB', 2 ** 20, '>= 0.85'],
] as const) {
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(size).slice(0, size)
  const sealed = vault.encrypt(text, context)
  const rawSealed = raw.encrypt(text) as string
  await against(
    `encrypt ${label} vs raw gcm`,
    () => vault.encrypt(text, context),
    () => raw.encrypt(text),
    goal,
  )
  await against(
    `decrypt ${label} vs raw gcm`,
    () => vault.decrypt(sealed, context),
    () => raw.decrypt(rawSealed),
    goal,
  )
}

for (const peer of await peers()) {
  const sealed = await peer.encrypt(short)
  if ((await peer.decrypt(sealed)) !== short) throw new Error(`${peer.name} does not give back what it took`)
  const costs = await interleave(
    {
      ours: () => vault.encrypt(short, context),
      peer: () => peer.encrypt(short),
      open: () => vault.decrypt(token, context),
      peerOpen: () => peer.decrypt(sealed),
    },
    { repeats: 5 },
  )
  rows.push({ name: `encrypt 20 B vs ${peer.name}`, ours: costs.ours.perSecond, peer: costs.peer.perSecond })
  rows.push({ name: `decrypt 20 B vs ${peer.name}`, ours: costs.open.perSecond, peer: costs.peerOpen.perSecond })
}

benchTable(rows)

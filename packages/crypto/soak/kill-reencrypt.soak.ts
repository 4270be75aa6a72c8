// 100 times kill -9 of `shop-crypto reencrypt` on a real PostgreSQL with durable commits, while others write.
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import { killDrill } from './kill-drill.ts'

const kills = Number(process.argv[2] ?? 100)
const dir = await mkdtemp(path.join(os.tmpdir(), 'shop-crypto-'))
const server = await startPostgres({ durable: true })
try {
  using bar = progress('kill -9', kills)
  const report = await killDrill({
    url: server.url,
    dir,
    kills,
    rows: kills * 400,
    batch: 20,
    onKill: () => bar.tick(),
  })
  bar.done()
  console.log(
    `kills ${report.kills}  rows ${kills * 400}  rewritten by killed runs ${report.rewrittenBeforeKills}  concurrent writes ${report.writes}  violations ${report.violations.length}`,
  )
  for (const violation of report.violations.slice(0, 20)) console.log(violation)
  process.exitCode = report.violations.length === 0 ? 0 : 1
} finally {
  await server.stop()
  await rm(dir, { recursive: true })
}

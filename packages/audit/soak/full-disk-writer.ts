// Fills a spool until its files can grow no more, and says what was acknowledged and what was refused.
import pg from 'pg'

import { createAudit, loggedOut } from '../src/index.ts'

const pool = new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/none' })
const audit = createAudit({ pool, spool: { directory: process.env['FULL_SPOOL']!, segmentBytes: 1_048_576 } })
const acknowledged: string[] = []
const refused: string[] = []
for (let i = 0; i < 20; i++) {
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => audit.record(loggedOut({ type: 'user', id: 'u-1' }))),
  )
  for (const result of results)
    if (result.status === 'fulfilled') acknowledged.push(result.value)
    else refused.push((result.reason as { code: string }).code)
}
await audit.close({ deadline: 0 }).catch(() => {})
await pool.end()
console.log(JSON.stringify({ acknowledged, refused }))

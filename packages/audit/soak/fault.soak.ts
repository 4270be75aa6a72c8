// npm run soak audit: at least 100 kills of the writer and of PostgreSQL at random points, then an outage of ten
// minutes (SHOP_SOAK_OUTAGE, in seconds), and a count of what was acknowledged, lost and duplicated.
import { faultRun } from './fault.ts'

const kills = Number(process.env['SHOP_SOAK_KILLS'] ?? 120)
const outage = Number(process.env['SHOP_SOAK_OUTAGE'] ?? 600) * 1000
const started = performance.now()

const count = await faultRun({
  kills,
  within: 400,
  outage,
  onKill(done) {
    const seconds = (performance.now() - started) / 1000
    const bar = '#'.repeat(Math.round((done / kills) * 40)).padEnd(40, '.')
    process.stderr.write(`\r[${bar}] ${done}/${kills} kills, ${Math.round((seconds / done) * (kills - done))} s left `)
  },
})
process.stderr.write('\n')
const { report, ...numbers } = count
for (const [name, value] of Object.entries(numbers)) console.log(`${name.padEnd(22)} ${value}`)
console.log(
  `verify                 ${report.ok ? 'ok' : 'FAILED'}: ${report.size} events, ${report.checkpoints} checkpoints`,
)
for (const finding of report.findings.slice(0, 10)) console.log(`  ${finding.kind}: ${finding.detail}`)
const held = count.lost === 0 && count.duplicated === 0 && report.ok && count.acknowledged > 0 && count.memory < 400
if (!held) process.exitCode = 1

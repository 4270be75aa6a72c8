// CPU of the detector on every hostile family at 64 KB and twice that, as JSON on stdout. A process of its own, because
// coverage's counters make these loops ten times as dear.
import { detect } from '../src/lib/detector.ts'
import { families } from './adversarial.ts'

/** CPU milliseconds of one call: the least of several. */
function cost(text: string, tries: number): number {
  let least = Infinity
  for (let i = 0; i < tries; i++) {
    const start = process.cpuUsage()
    detect(text)
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

const costs = Object.entries(families).map(([name, family]) => {
  const [once, twice] = [family(65_536), family(131_072)]
  detect(once)
  return [name, { once: cost(once, 3), twice: cost(twice, 3) }] as const
})
process.stdout.write(JSON.stringify(Object.fromEntries(costs)))

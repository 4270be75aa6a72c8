// The fast path of the sanitiser against DOMPurify over jsdom: a million fragments it answers, to the byte.
// `--cases n` for another number.
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { progress } from '@shop/testkit/bench'

import { htmlAllowList } from '../src/lib/html-allow-list.ts'
import { htmlFastPath } from '../src/lib/html-fast-path.ts'
import { domPurifier } from '../src/lib/purifier.ts'
import { markup, random } from './markup.ts'

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
  strict: false,
})
const wanted = Number(values.cases)
const next = random(Number(values.seed))
const arms = await Promise.all(
  (['review', 'article'] as const).map(async (preset) => {
    const list = htmlAllowList('allow', preset)
    return { preset, fast: htmlFastPath(list), purifier: await domPurifier(list) }
  }),
)

const shown = progress('fragments', wanted)
let answered = 0
let tried = 0
let different = 0
let heap = 0
while (answered < wanted) {
  const { preset, fast, purifier } = arms[tried++ % 2]!
  const fragment = markup(next)
  const ours = fast(fragment)
  if (ours === undefined || !fragment.includes('<')) continue
  answered++
  shown.tick()
  const theirs = purifier.purify(fragment).html
  if (ours !== theirs && ++different <= 20)
    console.log(
      `${preset} differs\n  in     ${JSON.stringify(fragment)}\n  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(theirs)}`,
    )
  if (answered % 16 === 0) await setImmediate()
  if (answered % 4096 === 0) heap = Math.max(heap, process.memoryUsage().heapUsed)
}
shown.done()
console.log(`fragments the fast path answered: ${answered} of ${tried} (with markup in them)`)
console.log(`different from DOMPurify over jsdom: ${different}`)
console.log(`largest heap seen: ${Math.round(heap / 1e6)} MB`)
if (different > 0) process.exitCode = 1

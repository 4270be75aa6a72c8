// What the detector finds and what it takes for an attack, by class and source, with what it missed; beside libinjection (as
// Datadog ships it) and easy-waf. The rules were tuned on seven tenths of the development corpus; the other three (by the first
// byte of a value's SHA-256) were not looked at, so that their figures mean something. Files named on the command line are read
// as further natural texts, one a line; SHOW_HELD_OUT=1 lists the misses of the held-out part as well.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { view } from '@shop/testkit/view'
import { benchTable, progress, type Row } from '@shop/testkit/bench'
import easyWaf from 'easy-waf'

import { datadogEngine } from '../src/datadog.ts'
import { detect } from '../src/inspect.ts'
import { shopTexts } from './shop-texts.ts'

interface Sample {
  readonly source: string
  readonly label: string
  readonly category: string
  readonly value: string
}
type Judge = (value: string) => boolean | Promise<boolean>

const root = fileURLToPath(new URL('../../..', import.meta.url))
const corpora = path.resolve(root, process.env['SHOP_CORPORA'] ?? '../shared/corpora')
const rows: Row[] = []

const engine = datadogEngine()
const waf = easyWaf({ disableLogging: true } as never)
const judges: Readonly<Record<string, Judge>> = {
  libinjection: (value) => engine.run(view({ method: 'POST', parsed: { value } })) !== undefined,
  'easy-waf': (value) =>
    new Promise((resolve) => {
      const request = {
        method: 'POST',
        url: '/',
        headers: { 'user-agent': 'Mozilla/5.0', host: 'shop.example' },
        body: { value },
        query: {},
        socket: { remoteAddress: '203.0.113.7' },
        connection: { remoteAddress: '203.0.113.7' },
      }
      const response = {
        writeHead: () => undefined,
        end: () => resolve(true),
        setHeader: () => undefined,
        statusCode: 0,
      }
      void waf(request as never, response as never, () => resolve(false)).catch(() => resolve(true))
    }),
}

async function share(samples: readonly Sample[], judge: Judge): Promise<number> {
  let hits = 0
  for (const { value } of samples) if (await judge(value)) hits++
  return (100 * hits) / samples.length
}

function report(title: string, samples: readonly Sample[], wanted: boolean, list: boolean): void {
  const groups = Map.groupBy(samples, ({ source, category }) => `${category} of ${source}`)
  console.log(`\n${title}`)
  for (const [name, group] of [...groups].toSorted()) {
    const wrong = group.filter(({ value }) => (detect(value) !== undefined) !== wanted)
    const right = wanted ? group.length - wrong.length : wrong.length
    console.log(
      `  ${name}: ${right} of ${group.length} ${wanted ? 'found' : 'taken for an attack'} (${((100 * right) / group.length).toFixed(wanted ? 2 : 4)} %)`,
    )
    if (!list) continue
    for (const { value } of wrong.slice(0, 200))
      console.log(`    ${wanted ? 'missed' : detect(value)!.rule}  ${JSON.stringify(value.slice(0, 160))}`)
  }
}

const isHeldOut = ({ value }: Sample): boolean => createHash('sha256').update(value).digest()[0]! < 77
const file = path.join(corpora, 'attacks', 'development.jsonl')
if (existsSync(file)) {
  const all = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample)
  const attacks = all.filter(({ label }) => label === 'attack')
  const held = attacks.filter(isHeldOut)
  report(
    'Attacks of the corpus, the part that was tuned on',
    attacks.filter((sample) => !isHeldOut(sample)),
    true,
    true,
  )
  report('Attacks of the corpus, the part held out', held, true, process.env['SHOW_HELD_OUT'] === '1')
  report(
    'Benign values of the corpus',
    all.filter(({ label }) => label !== 'attack'),
    false,
    true,
  )

  const shown = progress('peers', Object.keys(judges).length * 2)
  const natural = all.filter(({ category }) => category === 'natural')
  const classes = { sqli: '>= 97', xss: '>= 99', traversal: '>= 97', command: '>= 90' } as const
  rows.push({
    name: 'held out, all classes found %',
    ours: await share(held, (value) => detect(value) !== undefined),
    goal: '>= 99',
  })
  for (const [kind, goal] of Object.entries(classes)) {
    rows.push({
      name: `held out, ${kind} found %`,
      ours: await share(
        held.filter(({ category }) => category === kind),
        (value) => detect(value) !== undefined,
      ),
      goal,
    })
  }
  const ours = await share(natural, (value) => detect(value) !== undefined)
  rows.push({ name: 'natural values taken for attacks %', ours, goal: '<= 0.01' })
  for (const [name, judge] of Object.entries(judges)) {
    rows.push({
      name: `held out, found % vs ${name}`,
      ours: await share(held, (value) => detect(value) !== undefined),
      peer: await share(held, judge),
      goal: '>= 1',
    })
    shown.tick()
    rows.push({ name: `natural values % vs ${name}`, ours, peer: await share(natural, judge) })
    shown.tick()
  }
  shown.done()
} else console.log('The corpora are not here (SHOP_CORPORA names their folder): recall is not measured.')

const sample = (source: string, values: readonly string[]): Sample[] =>
  values.map((value) => ({ source, label: 'benign', category: 'texts', value }))
const made = sample('this bench, a shop’s', shopTexts(40_000))
report('Made-up texts of a shop', made, false, true)
rows.push({
  name: 'a shop’s made-up texts taken for attacks %',
  ours: await share(made, (value) => detect(value) !== undefined),
  goal: '<= 0.01',
})
for (const name of process.argv.slice(2)) {
  if (!existsSync(name)) continue
  const lines = [
    ...new Set(
      readFileSync(name, 'utf8')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line.length > 2),
    ),
  ]
  const group = sample(path.basename(name), lines)
  report(`Natural texts of ${path.basename(name)}`, group, false, true)
  rows.push({
    name: `${path.basename(name)} taken for attacks %`,
    ours: await share(group, (value) => detect(value) !== undefined),
    goal: '<= 0.01',
  })
}
// documents about programming quote what the detector looks for; a shop's reviews do not. The figure is printed, and has no goal
const readmes = readdirSync(path.join(root, 'packages'))
  .map((name) => path.join(root, 'packages', name, 'README.md'))
  .filter(existsSync)
  .flatMap((name) =>
    readFileSync(name, 'utf8')
      .split('\n')
      .filter((line) => line.length > 20),
  )
report('Developer documentation (this repository’s own)', sample('READMEs', readmes), false, false)
engine[Symbol.dispose]()
console.log('')
benchTable(rows)

import { expect, test } from 'vitest'

import { barPlot, benchTable, interleave, linePlot, progress } from '../bench.ts'

test('a line per row says whether the goal was reached', () => {
  const lines: string[] = []
  benchTable(
    [
      { name: 'escape vs xss', ours: 1.25, peer: 5, goal: '<= 0.5', unit: 'us' },
      { name: 'parse vs zod', ours: 100, peer: 200, goal: '>= 1' },
      { name: 'cold start', ours: 12.345, goal: '<= 20' },
    ],
    (line) => lines.push(line),
  )
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ['name', 'ours', 'peer', 'ratio', 'goal', 'ok|SHORT'],
    ['escape vs xss', '1.25us', '5us', '0.25x', '<= 0.5', 'ok'],
    ['parse vs zod', '100', '200', '0.5x', '>= 1', 'SHORT'],
    ['cold start', '12.3', '-', '-', '<= 20', 'ok'],
  ])
})

test('what does ten times the work costs several times as much', async () => {
  const work = (n: number) => () => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += Math.sqrt(i ^ sum)
    return sum
  }
  const { small, big } = await interleave({ small: work(1e4), big: work(1e5) }, { repeats: 5, turn: 20 })
  expect(big.us / small.us).toBeGreaterThan(3)
})

test('bytes are those of a call', async () => {
  const { array } = await interleave({ array: () => new Array(1000).fill(0) }, { repeats: 1, turn: 5, bytes: true })
  expect(array.bytes).toBeGreaterThan(3000)
  expect(array.bytes).toBeLessThan(20_000)
})

test('plots are well-formed and escape what they are given', () => {
  const bars = barPlot('<a> & b', { '<script>': 3, other: 1 }, 'ms')
  expect(bars).toContain('&lt;a> &amp; b')
  expect(bars).not.toContain('<script>')
  const lines = linePlot(
    't',
    [
      {
        name: 'x',
        points: [
          [0, 0],
          [1, 2],
        ],
      },
    ],
    { x: 's', y: 'ms' },
  )
  expect(lines).toContain('points="60.0,270.0 620.0,50.0"')
})

test('progress moves one line on a terminal, and writes a line per tenth elsewhere', () => {
  const log = { isTTY: false, text: '', write: (text: string) => (log.text += text) }
  using plain = progress('seeding', 1000, log)
  for (let i = 0; i < 1000; i++) plain.tick()
  plain.done()
  expect(log.text.trim().split('\n')).toHaveLength(12)
  const terminal = { isTTY: true, text: '', write: (text: string) => (terminal.text += text) }
  const moving = progress('seeding', 4, terminal)
  moving.tick(2)
  moving.done()
  moving.tick(2)
  expect(terminal.text.split('\r').at(-1)).toContain('50%  2/4')
  expect(terminal.text.endsWith('\n')).toBe(true)
})

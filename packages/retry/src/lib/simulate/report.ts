import type { Outcome } from './simulation.ts'

/** One configuration in one scenario, over all seeds. */
export interface Row {
  readonly scenario: string
  readonly configuration: string
  readonly outcomes: readonly Outcome[]
}

const HEAD = ['scenario', 'configuration', 'offered', 'lost', 'worst', 'recovery', 'attempts', 'in trouble', 'p99 ms']

/** The rows as a table of plain text: averages over the seeds, `worst` and `recovery` of the worst seed. */
export function toTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  '),
    )
    .join('\n')
}

function cells({ scenario, configuration, outcomes }: Row): string[] {
  const recovery = Math.max(...outcomes.map((each) => each.recovery))
  return [
    scenario,
    configuration,
    mean(outcomes, (each) => each.offered).toFixed(0),
    mean(outcomes, (each) => each.lost).toFixed(0),
    String(Math.max(...outcomes.map((each) => each.lost))),
    recovery === Infinity ? 'never' : `${recovery.toFixed(1)} s`,
    mean(outcomes, (each) => each.attemptsPerRequest).toFixed(2),
    mean(outcomes, (each) => each.attemptsInTrouble).toFixed(2),
    mean(outcomes, (each) => percentile(each.latencies, 0.99)).toFixed(0),
  ]
}

/** The average of one figure over the seeds. */
export function mean(outcomes: readonly Outcome[], figure: (outcome: Outcome) => number): number {
  return outcomes.reduce((sum, each) => sum + figure(each), 0) / outcomes.length
}

/** A percentile of sorted values; 0 when there are none. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

const COLOURS = ['#c0392b', '#2471a3', '#1e8449', '#b7950b', '#7d3c98', '#616a6b']
const WIDTH = 860
const HEIGHT = 300
const LEFT = 50
const BOTTOM = 40

/** Goodput over time (answered requests per half second of arrival), one line per configuration, as an SVG document. */
export function toSvg(title: string, rows: readonly Row[]): string {
  const timelines = rows.map((row) => row.outcomes[0]!.timeline)
  const top = Math.max(1, ...timelines.flatMap((line) => line.map(([, offered]) => offered)))
  const columns = Math.max(1, ...timelines.map((line) => line.length - 1))
  const x = (index: number): string => (LEFT + (index / columns) * (WIDTH - LEFT - 10)).toFixed(1)
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - 30)).toFixed(1)
  const line = (values: readonly number[], style: string): string =>
    `<polyline fill="none" ${style} points="${values.map((value, index) => `${x(index)},${y(value)}`).join(' ')}"/>`
  const offered = line(
    timelines[0]!.map(([, each]) => each),
    'stroke="#aaaaaa" stroke-dasharray="3 3"',
  )
  const lines = timelines.map((each, index) =>
    line(
      each.map(([good]) => good),
      `stroke="${colour(index)}" stroke-width="1.5"`,
    ),
  )
  const legend = rows.map(
    (row, index) =>
      `<text x="${LEFT + index * 160}" y="${HEIGHT - 8}" fill="${colour(index)}">${escaped(row.configuration)}</text>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${LEFT}" y="18" font-size="14">${escaped(title)}: answered per half second (dashed: offered)</text>`,
    `<text x="8" y="${y(top)}">${top}</text><text x="8" y="${y(0)}">0</text>`,
    `<text x="${x(columns)}" y="${HEIGHT - BOTTOM + 14}" text-anchor="end">${columns / 2} s</text>`,
    offered,
    ...lines,
    ...legend,
    '</svg>',
  ].join('\n')
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length]!
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

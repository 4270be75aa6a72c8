/** What `ours / peer` (or, without a peer, `ours` itself) should be. */
export type Goal = `<= ${number}` | `>= ${number}`

export interface Row {
  /** What is measured, and against whom: `escape 2 kB vs dompurify`. */
  readonly name: string
  readonly ours: number
  /** Left out where the goal is absolute. */
  readonly peer?: number | undefined
  readonly goal?: Goal
  /** Printed behind the figures: `us`, `MB`. */
  readonly unit?: string
}

/**
 * Prints `name  ours  peer  ratio  goal  ok|SHORT`, columns parted by two blanks or more. What falls short
 * is said and never fails the run: speed on a busy machine is no test.
 */
export function benchTable(rows: readonly Row[], print: (line: string) => void = console.log): void {
  const cells = rows.map((row) => {
    const ratio = row.peer === undefined ? undefined : row.ours / row.peer
    return [
      row.name.replaceAll(/\s+/g, ' '),
      figure(row.ours) + (row.unit ?? ''),
      row.peer === undefined ? '-' : figure(row.peer) + (row.unit ?? ''),
      ratio === undefined ? '-' : `${figure(ratio)}x`,
      row.goal ?? '-',
      row.goal === undefined || reached(ratio ?? row.ours, row.goal) ? 'ok' : 'SHORT',
    ]
  })
  const table = [['name', 'ours', 'peer', 'ratio', 'goal', 'ok|SHORT'], ...cells]
  const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)))
  for (const line of table)
    print(
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
}

function reached(value: number, goal: Goal): boolean {
  const [sign, bound] = goal.split(' ') as [string, string]
  return sign === '<=' ? value <= Number(bound) : value >= Number(bound)
}

/** Three figures that count, no exponent. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 100) return Math.round(value).toString()
  return Number(value.toPrecision(3)).toString()
}

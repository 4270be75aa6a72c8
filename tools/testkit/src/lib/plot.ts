/** One line of a plot; `x` and `y` in the units of its axes. */
export interface Series {
  readonly name: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

const colours = ['#2563eb', '#dc2626', '#059669', '#d97706', '#7c3aed', '#475569']
const text = (value: string): string => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const label = (value: number): string => Number(value.toPrecision(3)).toString()

/** Horizontal bars, longest value to the edge; an SVG that needs no script and no font. */
export function barPlot(title: string, bars: Readonly<Record<string, number>>, unit = ''): string {
  const rows = Object.entries(bars)
  const most = Math.max(...rows.map(([, value]) => value), Number.MIN_VALUE)
  const body = rows.map(([name, value], i) => {
    const y = 40 + i * 26
    const width = (value / most) * 380
    return `<text x="190" y="${y + 14}" text-anchor="end">${text(name)}</text>
<rect x="200" y="${y}" width="${width.toFixed(1)}" height="18" fill="${colours[0]}"/>
<text x="${(206 + width).toFixed(1)}" y="${y + 14}">${label(value)}${text(unit)}</text>`
  })
  return svg(title, 680, 50 + rows.length * 26, body)
}

/** Lines over a common x axis; both axes start at nought. */
export function linePlot(title: string, series: readonly Series[], axes: { x: string; y: string }): string {
  const all = series.flatMap(({ points }) => points)
  const right = Math.max(...all.map(([x]) => x), Number.MIN_VALUE)
  const top = Math.max(...all.map(([, y]) => y), Number.MIN_VALUE)
  const at = ([x, y]: readonly [number, number]): string =>
    `${(60 + (x / right) * 560).toFixed(1)},${(270 - (y / top) * 220).toFixed(1)}`
  const body = series.map(
    (
      { name, points },
      i,
    ) => `<polyline fill="none" stroke-width="2" stroke="${colours[i % colours.length]}" points="${points.map(at).join(' ')}"/>
<text x="630" y="${60 + i * 18}" fill="${colours[i % colours.length]}">${text(name)}</text>`,
  )
  const frame = `<path d="M60 50V270H620" fill="none" stroke="#94a3b8"/>
<text x="54" y="56" text-anchor="end">${label(top)}</text><text x="54" y="274" text-anchor="end">0</text>
<text x="620" y="288" text-anchor="end">${label(right)} ${text(axes.x)}</text><text x="60" y="42">${text(axes.y)}</text>`
  return svg(title, 780, 300, [frame, ...body])
}

function svg(title: string, width: number, height: number, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="22" font-size="15" font-weight="bold">${text(title)}</text>
${body.join('\n')}
</svg>
`
}

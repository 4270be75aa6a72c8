/** A value as both text formats write it. */
export function numberText(value: number): string {
  if (value - value === 0) return `${value}`
  return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN'
}

/** A bucket bound or quantile as OpenMetrics wants it: `1` is `1.0`. The text format takes the same. */
export function boundText(value: number): string {
  const text = numberText(value)
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text
}

type Yaml = string | number | boolean | readonly Yaml[] | { readonly [key: string]: Yaml | undefined }

/** Block YAML with every text in double quotes, which YAML 1.2 reads as JSON does. */
export function toYaml(value: Yaml, indent = ''): string {
  if (typeof value !== 'object') return `${typeof value === 'string' ? JSON.stringify(value) : String(value)}\n`
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]\n'
    return `\n${value.map((item) => `${indent}- ${toYaml(item as Yaml, `${indent}  `).trimStart()}`).join('')}`
  }
  const entries = Object.entries(value as Record<string, Yaml | undefined>).filter(([, item]) => item !== undefined)
  if (entries.length === 0) return '{}\n'
  const lines = entries.map(([key, item]) => `${indent}${key}:${spaced(toYaml(item!, `${indent}  `))}`)
  return `\n${lines.join('')}`
}

function spaced(text: string): string {
  return text.startsWith('\n') ? text : ` ${text}`
}

// Writes assets.generated.ts, so that the SQL survives bundlers, and sql/ for people who apply by hand. Run it after a change
// of an asset: `node src/lib/generate-assets.ts`, twice. A test holds all three equal.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** The generated module's text. */
export function generate(): string {
  const folder = new URL('../assets/', import.meta.url)
  const entries = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map(
      (file) =>
        `  { file: ${JSON.stringify(file)}, text: ${JSON.stringify(readFileSync(new URL(file, folder), 'utf8'))} },\n`,
    )
  return `// Generated from src/assets/*.sql; change those, then run generate-assets.ts.\nexport const ASSETS: readonly { readonly file: string; readonly text: string }[] = [\n${entries.join('')}]\n`
}

if (import.meta.main) {
  writeFileSync(new URL('assets.generated.ts', import.meta.url), generate())
  const [{ assume, exportSql }, { defineMapping }] = await Promise.all([import('./export.ts'), import('./mapping.ts')])
  const sql = new URL('../../sql/', import.meta.url)
  mkdirSync(sql, { recursive: true })
  for (const { file, text } of exportSql(assume(defineMapping()))) writeFileSync(new URL(file, sql), text)
}

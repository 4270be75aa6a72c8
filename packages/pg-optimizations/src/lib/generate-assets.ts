// Writes assets.generated.ts from the .sql files, so that the SQL survives bundlers. Run by `node src/lib/generate-assets.ts`;
// a test holds both equal.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

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

if (import.meta.main) writeFileSync(new URL('assets.generated.ts', import.meta.url), generate())

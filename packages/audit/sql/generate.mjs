// Writes src/lib/sql.ts out of the numbered files here, so that a bundle carries them. Run after adding a file.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const names = readdirSync(import.meta.dirname).filter((name) => /^\d{4}-[\w-]+\.sql$/.test(name))
const entries = names.sort().map((name) => {
  const text = readFileSync(`${import.meta.dirname}/${name}`, 'utf8')
  return `  {\n    name: '${name}',\n    text: ${JSON.stringify(text)},\n  },\n`
})
const module = `/** The files of sql/, in order. Written by sql/generate.mjs. */
export const sqlFiles: readonly { readonly name: string; readonly text: string }[] = [
${entries.join('')}]
`
writeFileSync(`${import.meta.dirname}/../src/lib/sql.ts`, module)

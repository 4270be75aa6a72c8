/** Writes the configuration this package ships: `node config/generate.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { shippedFiles } from './shipped.ts'

const root = path.resolve(import.meta.dirname, '..')
for (const [name, text] of Object.entries(await shippedFiles())) {
  const file = path.join(root, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}

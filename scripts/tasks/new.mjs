// npm run new <name>: a package with all its rooms, from scripts/template; it passes its own tests at once.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { root, tool } from '../lib/run.mjs'

const [name = ''] = process.argv.slice(2)
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
  fail('npm run new <name>: a lower-case word, or several joined by hyphens')
const folder = `packages/${name}`
if (existsSync(path.join(root, folder))) fail(`${folder} is there already`)

const Name = name
  .split('-')
  .map((word) => word[0].toUpperCase() + word.slice(1))
  .join('')
const words = {
  __name__: name,
  __Name__: Name,
  __camel__: Name[0].toLowerCase() + Name.slice(1),
  __CODE__: name.toUpperCase().replaceAll('-', '_'),
}
const filled = (text) => text.replaceAll(/__(name|Name|camel|CODE)__/g, (word) => words[word])

const template = path.join(root, 'scripts/template')
for (const file of globSync('**/*.*', { cwd: template }))
  write(`${folder}/${filled(file)}`, filled(readFileSync(path.join(template, file), 'utf8')))
write(
  `.changeset/${name}.md`,
  `---\n'@shop/${name}': minor\n---\n\n${Name}: the sentence a reader of the changelog needs.\n`,
)
await tool('oxfmt', [folder])
execFileSync('pnpm', ['install', '--no-frozen-lockfile', '--silent'], { cwd: root, stdio: 'inherit' })
console.log(`\nNext: npm test ${name}. Then a line for it in README.md, and decisions/ for every runtime dependency.`)

function write(file, text) {
  const at = path.join(root, file)
  mkdirSync(path.dirname(at), { recursive: true })
  writeFileSync(at, text)
  console.log(file)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

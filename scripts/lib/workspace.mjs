import { existsSync, globSync, readdirSync } from 'node:fs'
import path from 'node:path'

import { root } from './run.mjs'

const groups = ['packages', 'examples', 'tools']

/** Every folder of the workspace, or the one named; an unknown name ends the task with those there are. */
export function folders(name) {
  const all = groups.flatMap((group) =>
    existsSync(path.join(root, group)) ? readdirSync(path.join(root, group)).map((one) => `${group}/${one}`) : [],
  )
  if (!name) return all
  const found = all.filter((folder) => path.basename(folder) === name.replace(/^@shop\//, ''))
  if (found.length > 0) return found
  console.error(`no package "${name}"; there is: ${all.map((folder) => path.basename(folder)).join(', ')}`)
  process.exit(1)
}

/** The scripts of a kind (`bench`, `soak`), narrowed by package and by a part of the file's name. */
export function scripts(kind, [name, part = ''] = []) {
  return folders(name)
    .flatMap((folder) => globSync(`${folder}/${kind}/*.${kind}.ts`, { cwd: root }).sort())
    .filter((file) => path.basename(file).includes(part))
}

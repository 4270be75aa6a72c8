import fs from 'node:fs'
import path from 'node:path'

import { root, say, SetupError } from './say.mjs'

const folder = path.join(root, '.toolchain')
const lock = path.join(folder, 'lock')

/** Two commands started at once in a fresh clone must not both write node_modules: the second waits. */
export async function locked(work) {
  try {
    fs.mkdirSync(folder, { recursive: true })
    fs.accessSync(root, fs.constants.W_OK)
    fs.accessSync(folder, fs.constants.W_OK)
  } catch (error) {
    throw new SetupError(
      `${error.path ?? root} cannot be written (${error.code}), and .toolchain/ and node_modules/ go there.\n` +
        '  Clone into a folder of your own, or give this user the right to write.',
    )
  }
  for (let said = false; !take();) {
    const holders = read()
    if (!holders.some(alive)) {
      fs.rmSync(lock, { force: true })
      continue
    }
    if (!said) say(`waiting for another setup in this checkout (process ${holders[0]})`)
    said = true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  try {
    return await work()
  } finally {
    fs.rmSync(lock, { force: true })
  }
}

/** The lock stands as long as one of these lives: a child may outlast a killed parent. */
export function alsoHeldBy(pid) {
  fs.appendFileSync(lock, ` ${pid}`)
}

function take() {
  try {
    fs.writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  }
}

function read() {
  try {
    return fs.readFileSync(lock, 'utf8').split(' ').map(Number)
  } catch {
    return []
  }
}

function alive(pid) {
  try {
    return pid === 0 || process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

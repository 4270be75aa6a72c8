import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { root, say } from './say.mjs'

/** A home nobody can write to (a service account, a locked-down container) must not stop npm, pnpm or vitest. */
export function homeFallback() {
  let home
  try {
    home = os.homedir()
    fs.accessSync(home, fs.constants.W_OK)
    return
  } catch {
    say(`${home ?? 'the home directory'} cannot be written: caches go under .toolchain/home`)
  }
  const own = path.join(root, '.toolchain/home')
  process.env.HOME = own
  for (const name of ['XDG_DATA_HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'PNPM_HOME'])
    delete process.env[name]
  process.env.npm_config_cache = path.join(own, '.npm')
}

/** What the task and everything below it sees. */
export function environment(tools) {
  // npm hands its own settings down as npm_config_*; pnpm and nested tools must not read them
  const own = /^npm_(config|package|lifecycle)_|^npm_(command|execpath|node_execpath)$/i
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const dirs = [path.dirname(tools.pnpm), path.dirname(tools.node), path.join(root, 'node_modules/.bin'), env[pathName]]
  env[pathName] = dirs.filter(Boolean).join(path.delimiter)
  env.npm_execpath = tools.pnpm // vitest, changesets and others ask it which package manager runs
  env.XDG_DATA_HOME = path.join(root, '.toolchain/xdg') // vitest writes a token file there at every start
  env.TURBO_TELEMETRY_DISABLED = '1'
  env.DO_NOT_TRACK = '1'
  return env
}

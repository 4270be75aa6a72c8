import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

import { type CheckGroup, type Look, Skipped } from './check.ts'

const run = promisify(execFile)

/** Has promtool and amtool look at the configuration files, where they are installed. */
export function checkFiles(config: string): readonly (readonly [group: CheckGroup, name: string, look: Look])[] {
  const rules = path.join(config, 'prometheus')
  const files = existsSync(rules) ? readdirSync(rules).filter((name) => name.endsWith('.rules.yml')) : []
  return [
    [
      'rules',
      rules,
      () => {
        if (files.length === 0) throw new Error('has no rule files')
        return tool(
          'promtool',
          ['check', 'rules', ...files.map((name) => path.join(rules, name))],
          `${files.length} files`,
        )
      },
    ],
    [
      'routes',
      path.join(config, 'alertmanager'),
      () => tool('amtool', ['check-config', path.join(config, 'alertmanager/alertmanager.yml')], 'valid'),
    ],
  ]
}

async function tool(program: string, args: readonly string[], fine: string): Promise<string> {
  try {
    await run(program, args)
    return fine
  } catch (error) {
    const { code, stderr, stdout } = error as NodeJS.ErrnoException & { stderr?: string; stdout?: string }
    if (code === 'ENOENT') throw new Skipped(`${program} is not installed`)
    throw new Error((stderr || stdout || String(error)).trim().split('\n').slice(0, 4).join(' '))
  }
}

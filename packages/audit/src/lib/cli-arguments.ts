import { parseArgs } from 'node:util'

import { AuditError } from './errors.ts'

/** The options of every command, and what they mean. */
export const cliOptions = {
  url: { type: 'string', help: 'PostgreSQL; default DATABASE_URL' },
  schema: { type: 'string', help: 'default audit' },
  json: { type: 'boolean', help: 'JSON, a line each' },
  help: { type: 'boolean', help: 'this text' },
  exclude: { type: 'string', multiple: true, help: 'track: a column that is not recorded' },
  redact: { type: 'string', multiple: true, help: 'track: a column of which only is recorded that it changed' },
  actor: { type: 'string', help: 'search: type:id; export, erase, retention: who asks' },
  target: { type: 'string', help: 'search: type:id' },
  action: { type: 'string', help: 'search: a name, or a beginning with an asterisk' },
  outcome: { type: 'string', help: 'search: success, failure, denied or unknown' },
  since: { type: 'string', help: 'search: a time' },
  until: { type: 'string', help: 'search: a time' },
  limit: { type: 'string', help: 'tail, search: rows; default 50' },
  follow: { type: 'boolean', help: 'tail: goes on' },
  key: { type: 'string', help: 'verify, prove: the verifier key; default SHOP_AUDIT_VERIFIER_KEY' },
  outside: { type: 'string', multiple: true, help: 'verify: a file of checkpoints kept outside' },
  config: { type: 'string', help: 'export, erase, retention: a module with privacy(pool) or trail(pool)' },
  to: { type: 'string', help: 'export: the zip to write' },
  reason: { type: 'string', help: 'export, retention: why' },
  'legal-basis': { type: 'string', help: 'erase: default "GDPR article 17"' },
  yes: { type: 'boolean', help: 'erase, retention: do it; without it only the plan is shown' },
  keep: { type: 'string', help: 'retention: months that stay' },
  directory: { type: 'string', help: 'retention: where archives go' },
  format: { type: 'string', help: 'pgaudit ingest: stderr, csv or json' },
  classes: { type: 'string', help: 'pgaudit config: role,ddl' },
} as const

type Specification = typeof cliOptions

/** What stood on the command line. */
export interface CliArguments {
  readonly command: string
  readonly rest: readonly string[]
  readonly options: {
    readonly [N in keyof Specification]?: Specification[N]['type'] extends 'boolean'
      ? boolean
      : Specification[N] extends { readonly multiple: true }
        ? string[]
        : string
  }
}

/** Reads a command line. @throws ERR_SHOP_AUDIT_USAGE */
export function parseCli(argv: readonly string[]): CliArguments {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: cliOptions, allowPositionals: true })
    const [command = 'help', ...rest] = positionals
    return { command: values.help ? 'help' : command, rest, options: values }
  } catch (error) {
    throw usage((error as Error).message)
  }
}

export function usage(message: string): AuditError {
  return new AuditError('ERR_SHOP_AUDIT_USAGE', `${message}; see shop-audit --help`)
}

/** An argument that must be there. @throws ERR_SHOP_AUDIT_USAGE */
export function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw usage(`${name} is missing`)
  return value
}

/** A positive whole number. @throws ERR_SHOP_AUDIT_USAGE */
export function count(value: string | undefined, name: string, fallback: number): number {
  if (value === undefined) return fallback
  if (!/^\d{1,9}$/.test(value)) throw usage(`${name} is not a whole number`)
  return Number(value)
}

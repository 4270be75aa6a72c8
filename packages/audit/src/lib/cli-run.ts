import type { Client, Pool } from 'pg'

import { type CliArguments, cliOptions, parseCli, required, usage } from './cli-arguments.ts'
import type { CliIo } from './cli-io.ts'
import { pgaudit } from './cli-pgaudit.ts'
import { erase, exportSubject, retention } from './cli-privacy.ts'
import { migrate, track, untrack } from './cli-schema.ts'
import { prove, search, tail, verify } from './cli-trail.ts'
import { AuditError } from './errors.ts'

type Command = (client: Client, args: CliArguments, io: CliIo, pool: Pool) => Promise<number>

const commands: Readonly<Record<string, { readonly run: Command; readonly help: string }>> = {
  migrate: { run: migrate, help: 'migrate                      bring the schema up to date' },
  track: { run: track, help: 'track <table>                record every change of its rows' },
  untrack: { run: untrack, help: 'untrack <table>              stop recording it' },
  tail: { run: tail, help: 'tail [--follow]              the newest events' },
  search: { run: search, help: 'search [--actor …]           events by who, what, whom and when' },
  verify: {
    run: verify,
    help: 'verify                       compare the trail with its proofs; exit code 1 if it differs',
  },
  prove: { run: prove, help: 'prove <event>                a proof that stands without the database' },
  export: { run: exportSubject, help: 'export <subject> --to <zip>  everything about a person' },
  erase: { run: erase, help: 'erase <subject> [--yes]      the plan, or the erasure' },
  retention: { run: retention, help: 'retention --keep <months>    what is due, or its retirement' },
  pgaudit: { run: pgaudit, help: 'pgaudit config|check|ingest  PostgreSQL’s own audit log' },
}

/** Runs a command line. @returns the exit code: 0, 1 when something does not agree, 2 for a wrong command line */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  try {
    const args = parseCli(argv)
    if (args.command === 'help') return help(io)
    const command = commands[args.command]
    if (!command) throw usage(`there is no command ${JSON.stringify(args.command.slice(0, 32))}`)
    const connectionString = required(args.options.url ?? io.env['DATABASE_URL'], '--url or DATABASE_URL')
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString })
    const pool = new pg.Pool({ connectionString, max: 4 })
    pool.on('error', () => {}) // an idle connection went; the next query tells
    try {
      await client.connect()
      return await command.run(client, args, io, pool)
    } finally {
      await client.end()
      await pool.end()
    }
  } catch (error) {
    const code = error instanceof AuditError ? error.code : (error as { code?: string }).code
    io.err(`${code ? `${code}: ` : ''}${(error as Error).message}\n`)
    return code === 'ERR_SHOP_AUDIT_USAGE' ? 2 : 1
  }
}

function help(io: CliIo): number {
  io.out('shop-audit <command> [options]\n')
  for (const { help } of Object.values(commands)) io.out(`  ${help}`)
  io.out('')
  for (const [name, { help }] of Object.entries(cliOptions)) io.out(`  --${name.padEnd(14)} ${help}`)
  return 0
}

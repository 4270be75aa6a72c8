import type { Client } from 'pg'

import { type CliArguments, required } from './cli-arguments.ts'
import type { CliIo } from './cli-io.ts'
import { migrate as migrateTo } from './migrate.ts'
import { track as trackTable, untrack as untrackTable } from './track.ts'

const schemaOf = (args: CliArguments) => (args.options.schema ? { schema: args.options.schema } : {})

export async function migrate(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  const applied = await migrateTo(client, {
    ...schemaOf(args),
    onApplied: (name) => {
      if (!args.options.json) io.out(`applied ${name}`)
    },
  })
  if (args.options.json) io.out(JSON.stringify({ applied }))
  else if (applied.length === 0) io.out('nothing to do')
  return 0
}

export async function track(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  const name = required(args.rest[0], 'the table')
  const { exclude = [], redact = [] } = args.options
  await trackTable(client, name, { ...schemaOf(args), exclude, redact })
  io.out(args.options.json ? JSON.stringify({ tracked: name, exclude, redact }) : `tracking ${name}`)
  return 0
}

export async function untrack(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  const name = required(args.rest[0], 'the table')
  await untrackTable(client, name, schemaOf(args))
  io.out(args.options.json ? JSON.stringify({ untracked: name }) : `no longer tracking ${name}`)
  return 0
}

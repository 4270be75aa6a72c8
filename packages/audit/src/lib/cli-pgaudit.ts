import { createReadStream } from 'node:fs'

import type { Client, Pool } from 'pg'

import { createAudit } from './audit.ts'
import { type CliArguments, required, usage } from './cli-arguments.ts'
import { type CliIo, Progress } from './cli-io.ts'
import { checkPgaudit } from './pgaudit-check.ts'
import { type PgauditClass, pgauditConfig } from './pgaudit-config.ts'
import { type LogFormat, parsePgaudit, pgauditEvent } from './pgaudit-parse.ts'

/** `config` prints what to configure, `check` what is really logged, `ingest` puts a log's lines in the trail. */
export async function pgaudit(client: Client, args: CliArguments, io: CliIo, pool: Pool): Promise<number> {
  switch (args.rest[0]) {
    case 'config':
      return config(args, io)
    case 'check':
      return check(client, args, io)
    case 'ingest':
      return ingest(args, io, pool)
    default:
      throw usage('pgaudit needs config, check or ingest')
  }
}

function config(args: CliArguments, io: CliIo): number {
  const classes = args.options.classes?.split(',') as PgauditClass[] | undefined
  const made = pgauditConfig(classes ? { classes } : {})
  if (args.options.json) io.out(JSON.stringify(made))
  else io.out(`# postgresql.conf\n${made.conf}\n-- SQL\n${made.sql}`)
  return 0
}

async function check(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  const findings = await checkPgaudit(client)
  for (const { level, what } of findings)
    io.out(args.options.json ? JSON.stringify({ level, what }) : `${level.padEnd(8)} ${what}`)
  return findings.some((finding) => finding.level === 'error') ? 1 : 0
}

async function ingest(args: CliArguments, io: CliIo, pool: Pool): Promise<number> {
  const file = required(args.rest[1], 'the log file')
  const format = (args.options.format ?? 'stderr') as LogFormat
  if (!['stderr', 'csv', 'json'].includes(format)) throw usage('--format is not stderr, csv or json')
  const mac = io.env['SHOP_AUDIT_MAC_KEY']
  const audit = createAudit({
    pool,
    durability: { 'db.statement': 'critical' },
    critical: { whenFull: 'wait', maxPending: 5000 },
    ...(mac && { macKey: Buffer.from(mac, 'hex') }),
    ...(args.options.schema && { schema: args.options.schema }),
  })
  const progress = new Progress(io, 'ingest')
  let recorded = 0
  try {
    let waiting: Promise<unknown>[] = []
    for await (const entry of parsePgaudit(createReadStream(file), format)) {
      waiting.push(audit.record(pgauditEvent(entry)))
      progress.show(++recorded, undefined)
      if (waiting.length < 1000) continue
      await Promise.all(waiting)
      waiting = []
    }
    await Promise.all(waiting)
  } finally {
    progress.end()
    await audit.close()
  }
  io.out(args.options.json ? JSON.stringify({ recorded }) : `${recorded} statements recorded`)
  return 0
}

import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

import type { Client, Pool } from 'pg'

import type { Audit } from './audit.ts'
import { type CliArguments, count, required, usage } from './cli-arguments.ts'
import { type CliIo, Progress, table } from './cli-io.ts'
import type { Actor } from './event.ts'
import type { Privacy } from './privacy.ts'
import { partitionsDue, retirePartition } from './retention.ts'
import type { Sealer } from './sealer.ts'

/** What a configuration module exports: the application's own trail, with its keys, over the pool the command gives. */
export interface CliConfig {
  readonly privacy?: (pool: Pool) => Privacy | Promise<Privacy>
  readonly trail?: (pool: Pool) => Trail | Promise<Trail>
}

interface Trail {
  readonly audit: Audit
  readonly sealer: Sealer
}

/** Writes a person's zip. */
export async function exportSubject(_client: Client, args: CliArguments, io: CliIo, pool: Pool): Promise<number> {
  const subject = required(args.rest[0], 'the subject')
  const file = required(args.options.to, '--to')
  const privacy = await privacyOf(args, pool)
  const progress = new Progress(io, 'export')
  let done = 0
  const { rows, event } = await privacy.exportSubject(subject, {
    to: createWriteStream(file, { flags: 'wx', mode: 0o600 }),
    actor: actorOf(args),
    reason: args.options.reason ?? 'GDPR article 15',
    signal: io.signal,
    onRows: (count) => progress.show((done += count), undefined),
  })
  progress.end()
  io.out(args.options.json ? JSON.stringify({ subject, rows, event, file }) : `${rows} rows in ${file}; event ${event}`)
  return 0
}

/** Shows the plan, and with `--yes` carries it out and prints the signed record. */
export async function erase(_client: Client, args: CliArguments, io: CliIo, pool: Pool): Promise<number> {
  const subject = required(args.rest[0], 'the subject')
  const privacy = await privacyOf(args, pool)
  const plan = await privacy.planErasure(subject)
  if (!args.options.yes) {
    if (args.options.json) io.out(JSON.stringify(plan))
    else {
      for (const line of table(plan.steps.map((step) => ({ ...step, reason: step.reason ?? '' })))) io.out(line)
      io.out(`and the sealed values of ${plan.events} events. Nothing was done; repeat with --yes.`)
    }
    return 0
  }
  const signed = await privacy.erase(plan, {
    actor: actorOf(args),
    legalBasis: args.options['legal-basis'] ?? 'GDPR article 17',
  })
  io.out(JSON.stringify(signed, null, args.options.json ? 0 : 2))
  return 0
}

/** Shows the months that are due, and with `--yes` retires them. */
export async function retention(client: Client, args: CliArguments, io: CliIo, pool: Pool): Promise<number> {
  const keep = count(required(args.options.keep, '--keep'), '--keep', 0)
  const schema = args.options.schema ? { schema: args.options.schema } : {}
  const due = await partitionsDue(client, keep, schema)
  if (!args.options.yes) {
    for (const partition of due) io.out(args.options.json ? JSON.stringify(partition) : `${partition.name} is due`)
    if (!args.options.json) io.out(`${due.length} due. Nothing was done; repeat with --yes.`)
    return 0
  }
  const directory = required(args.options.directory, '--directory')
  const config = await load(args)
  if (!config.trail) throw usage('the module of --config exports no trail(pool)')
  const { audit, sealer } = await config.trail(pool)
  const progress = new Progress(io, 'retention')
  try {
    for (const [i, partition] of due.entries()) {
      const retired = await retirePartition({
        pool,
        audit,
        sealer,
        partition: partition.name,
        directory,
        actor: actorOf(args),
        reason: args.options.reason ?? `older than ${keep} months`,
        ...schema,
      })
      progress.show(i + 1, due.length)
      io.out(
        args.options.json ? JSON.stringify(retired) : `${retired.name}: ${retired.count} events in ${retired.archive}`,
      )
    }
  } finally {
    progress.end()
    await audit.close()
    await sealer.close()
  }
  return 0
}

async function privacyOf(args: CliArguments, pool: Pool): Promise<Privacy> {
  const config = await load(args)
  if (!config.privacy) throw usage('the module of --config exports no privacy(pool)')
  return config.privacy(pool)
}

async function load(args: CliArguments): Promise<CliConfig> {
  const file = path.resolve(required(args.options.config, '--config'))
  return (await import(pathToFileURL(file).href)) as CliConfig
}

function actorOf(args: CliArguments): Actor {
  const text = required(args.options.actor, '--actor')
  const at = text.indexOf(':')
  if (at <= 0) throw usage('--actor is not type:id')
  return { type: text.slice(0, at) as Actor['type'], id: text.slice(at + 1) }
}

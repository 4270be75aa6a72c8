import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Client } from 'pg'

import { parseAnchorFile } from './anchor.ts'
import { type CliArguments, count, required, usage } from './cli-arguments.ts'
import { type CliIo, Progress, table } from './cli-io.ts'
import type { RecordedEvent } from './event.ts'
import { checkEventProof, proveEvent } from './prove.ts'
import { searchTrail } from './search.ts'
import { verifyTrail } from './verify.ts'

const line = (event: RecordedEvent): Record<string, unknown> => ({
  time: event.time,
  action: event.action,
  outcome: event.outcome,
  actor: event.actor && `${event.actor.type}:${event.actor.id}`,
  target: event.targets?.[0] && `${event.targets[0].type}:${event.targets[0].id}`,
  request: event.context?.requestId,
  id: event.id,
})

function print(events: readonly RecordedEvent[], args: CliArguments, io: CliIo): void {
  const lines = args.options.json ? events.map((event) => JSON.stringify(event)) : table(events.map(line))
  for (const one of lines) io.out(one)
}

function query(args: CliArguments) {
  const { actor, target, action, outcome, since, until, limit } = args.options
  return {
    actor,
    target,
    action,
    outcome,
    since: time(since, '--since'),
    until: time(until, '--until'),
    limit: count(limit, '--limit', 50),
  }
}

function time(text: string | undefined, name: string): Date | undefined {
  if (text === undefined) return undefined
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw usage(`${name} is no time; expected RFC 3339`)
  return date
}

/** The newest events, and with `--follow` what comes. */
export async function tail(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  const { schema } = args.options
  const first = (await searchTrail(client, query(args), { schema })).reverse()
  print(first, args, io)
  let last = first.at(-1)
  while (args.options.follow && !io.signal.aborted) {
    await sleep(500, undefined, { signal: io.signal }).catch(() => {})
    const more = last
      ? await searchTrail(client, { ...query(args), after: last }, { schema })
      : (await searchTrail(client, query(args), { schema })).reverse()
    for (const event of more) io.out(args.options.json ? JSON.stringify(event) : Object.values(line(event)).join('  '))
    last = more.at(-1) ?? last
  }
  return 0
}

export async function search(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  print(await searchTrail(client, query(args), { schema: args.options.schema }), args, io)
  return 0
}

/** Exit code 1 when anything does not agree. */
export async function verify(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  const progress = new Progress(io, 'verify')
  const mac = io.env['SHOP_AUDIT_MAC_KEY']
  const report = await verifyTrail({
    client,
    verifierKey: verifierKey(args, io),
    outside: (args.options.outside ?? []).flatMap((file) => parseAnchorFile(readFileSync(file, 'utf8'))),
    ...(mac && { macKey: Buffer.from(mac, 'hex') }),
    ...(args.options.schema && { schema: args.options.schema }),
    signal: io.signal,
    onProgress: ({ done, size }) => progress.show(done, size),
  })
  progress.end()
  if (args.options.json) io.out(JSON.stringify(report))
  else {
    const rate = Math.round(report.checked / Math.max(report.seconds, 0.001))
    io.out(
      `${report.ok ? 'ok' : 'NOT OK'}: ${report.size} events in the tree, ${report.checked} checked (${rate}/s), ${report.retired} retired, ${report.unsealed} not yet sealed`,
    )
    io.out(`${report.checkpoints} checkpoints in the database, ${report.outside} kept outside agree`)
    if (!mac) io.out('without SHOP_AUDIT_MAC_KEY: events written past the application are not looked for')
    if (report.outside === 0) io.out('without --outside: a rollback of the whole database is not looked for')
    for (const finding of report.findings)
      io.out(
        `  ${finding.kind}${finding.index === undefined ? '' : ` at ${finding.index}`}${finding.id ? ` ${finding.id}` : ''}: ${finding.detail}`,
      )
    if (report.found > report.findings.length) io.out(`  and ${report.found - report.findings.length} more`)
  }
  return report.ok ? 0 : 1
}

/** Prints a proof as JSON, having checked it. */
export async function prove(client: Client, args: CliArguments, io: CliIo): Promise<number> {
  const id = required(args.rest[0], 'the event’s id')
  const proof = await proveEvent(client, id, args.options.schema ? { schema: args.options.schema } : {})
  checkEventProof(proof, verifierKey(args, io))
  io.out(JSON.stringify(proof, null, args.options.json ? 0 : 2))
  return 0
}

function verifierKey(args: CliArguments, io: CliIo): string {
  return required(args.options.key ?? io.env['SHOP_AUDIT_VERIFIER_KEY'], '--key or SHOP_AUDIT_VERIFIER_KEY')
}

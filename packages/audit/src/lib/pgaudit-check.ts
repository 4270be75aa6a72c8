import { randomBytes } from 'node:crypto'

import type { ClientBase } from 'pg'

import { type LogFormat, parsePgaudit } from './pgaudit-parse.ts'

/** One thing that is so, or is not as it should be. */
export interface PgauditFinding {
  readonly level: 'ok' | 'warning' | 'error'
  readonly what: string
}

export interface PgauditCheckOptions {
  /** The log written since the call, to see what is really logged; without it only settings are judged. */
  readonly readLog?: () => Promise<string>
  /** @default 'stderr' */
  readonly format?: LogFormat
}

/**
 * Checks what pgAudit really logs: library, extension, settings, overrides by role or database that switch it off, and
 * with `readLog` a probe of each class whose lines are looked for in the log. Nothing is left behind.
 */
export async function checkPgaudit(client: ClientBase, options: PgauditCheckOptions = {}): Promise<PgauditFinding[]> {
  const findings: PgauditFinding[] = []
  const say = (level: PgauditFinding['level'], what: string): void => void findings.push({ level, what })
  const { rows } = await client.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name like 'pgaudit.%' or name in ('shared_preload_libraries', 'log_destination', 'log_min_messages')`,
  )
  const settings = new Map(rows.map((row) => [row.name, row.setting]))
  const loaded = settings.get('shared_preload_libraries')?.split(/,\s*/).includes('pgaudit') ?? false
  if (!loaded) {
    say('error', 'shared_preload_libraries does not name pgaudit: nothing is logged')
    return findings
  }
  say('ok', 'the library is loaded')
  const extension = await client.query(`select from pg_extension where extname = 'pgaudit'`)
  if (extension.rowCount === 0) say('warning', 'the extension is not created here: DDL lines name no object')
  const log = settings.get('pgaudit.log') ?? 'none'
  const role = settings.get('pgaudit.role') ?? ''
  if (log === 'none' && role === '') say('error', 'pgaudit.log is none and pgaudit.role is empty: nothing is logged')
  else say('ok', `session classes: ${log}; object role: ${role || 'none'}`)
  if (settings.get('pgaudit.log_parameter') === 'on')
    say('warning', 'parameters are logged: the log holds personal data')
  await checkOverrides(client, say)
  if (role !== '') await checkRole(client, role, say)
  if (options.readLog) await probe(client, options.readLog, options.format ?? 'stderr', say)
  return findings
}

type Say = (level: PgauditFinding['level'], what: string) => void

async function checkOverrides(client: ClientBase, say: Say): Promise<void> {
  const { rows } = await client.query<{ role: string; database: string; config: string }>(
    `select coalesce(r.rolname, 'every role') as role, coalesce(d.datname, 'every database') as database, c as config
     from pg_db_role_setting s cross join unnest(s.setconfig) c
     left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
     where c like 'pgaudit.log=%' or c like 'pgaudit.role=%'`,
  )
  for (const row of rows)
    say(/=(none|)$/.test(row.config) ? 'error' : 'warning', `${row.config} for ${row.role} in ${row.database}`)
}

async function checkRole(client: ClientBase, role: string, say: Say): Promise<void> {
  const { rows } = await client.query<{ rolcanlogin: boolean }>(`select rolcanlogin from pg_roles where rolname = $1`, [
    role,
  ])
  if (!rows[0]) return say('error', `the role ${role} of pgaudit.role does not exist`)
  if (rows[0].rolcanlogin) say('warning', `the role ${role} can log in`)
  const grants = await client.query<{ relation: string; rights: string }>(
    `select table_schema || '.' || table_name as relation, string_agg(lower(privilege_type), ', ' order by privilege_type) as rights
     from information_schema.role_table_grants where grantee = $1 group by 1 order by 1`,
    [role],
  )
  for (const grant of grants.rows) say('ok', `object mode logs ${grant.rights} on ${grant.relation}`)
  if (grants.rows.length === 0) say('warning', `the role ${role} has no grants: object mode logs nothing`)
}

/** A statement of each class, with a mark by which its line is found. */
async function probe(client: ClientBase, readLog: () => Promise<string>, format: LogFormat, say: Say): Promise<void> {
  const mark = `shop_audit_probe_${randomBytes(6).toString('hex')}`
  const statements = {
    DDL: `create temporary table ${mark} (n integer)`,
    WRITE: `insert into ${mark} values (1)`,
    READ: `select n from ${mark}`,
    ROLE: `create role ${mark} nologin`,
  }
  await client.query('begin')
  try {
    for (const statement of Object.values(statements)) {
      await client.query('savepoint probe')
      await client.query(statement).catch(() => client.query('rollback to savepoint probe')) // no right to create roles
    }
  } finally {
    await client.query('rollback')
  }
  await new Promise((resolve) => setTimeout(resolve, 200)) // the log is written by another process
  const seen = new Set<string>()
  for await (const entry of parsePgaudit([await readLog()], format))
    if (entry.statement.includes(mark)) seen.add(entry.class)
  for (const name of Object.keys(statements))
    say('ok', `${name} is ${seen.has(name) ? '' : 'not '}logged in this session`)
}

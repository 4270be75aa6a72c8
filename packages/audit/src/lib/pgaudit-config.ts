import { checkNames, optionError } from './options.ts'

/** What pgAudit can log: `read` and `write` rows, calls, roles, schema changes, the rest. */
export type PgauditClass = 'read' | 'write' | 'function' | 'role' | 'ddl' | 'misc' | 'misc_set' | 'all'

export interface PgauditOptions {
  /** Session mode: every statement of these classes, whoever gives it. @default ['role', 'ddl'] */
  readonly classes?: readonly PgauditClass[]
  /** Classes taken away again: `all` without `misc`. */
  readonly except?: readonly PgauditClass[]
  /** Object mode beside it: statements that use these privileges on these tables. */
  readonly objects?: {
    /** A role nobody logs in as; its grants say what is logged. */
    readonly role: string
    readonly tables: Readonly<Record<string, readonly ('select' | 'insert' | 'update' | 'delete')[]>>
  }
  /** Logs bound parameters too. They hold personal data: the log then needs the same care as the table. @default false */
  readonly parameters?: boolean
  /** Longest parameter logged, in bytes. @default 256 */
  readonly parameterMaxBytes?: number
  /** One line a relation of a statement. @default true */
  readonly relations?: boolean
  /** Statements that touch the catalogue alone. @default false, for tools make thousands of them */
  readonly catalog?: boolean
  /** Rows a statement returned or changed. @default true */
  readonly rows?: boolean
  /** Only for this database and this role, set with `alter role … in database`. @default the whole server */
  readonly for?: { readonly role: string; readonly database?: string }
}

/** What to put where. */
export interface PgauditConfig {
  /** For postgresql.conf; needs a restart because of the library. */
  readonly conf: string
  /** For a superuser in the database. */
  readonly sql: string
  readonly settings: Readonly<Record<string, string>>
}

const classes: ReadonlySet<string> = new Set<PgauditClass>([
  'read',
  'write',
  'function',
  'role',
  'ddl',
  'misc',
  'misc_set',
  'all',
])
const privileges: ReadonlySet<string> = new Set(['select', 'insert', 'update', 'delete'])
const known = ['classes', 'except', 'objects', 'parameters', 'parameterMaxBytes', 'relations', 'catalog', 'rows', 'for']

/** Generates pgAudit's configuration. @throws ERR_SHOP_AUDIT_OPTION */
export function pgauditConfig(options: PgauditOptions = {}): PgauditConfig {
  checkNames('pgauditConfig', options, known)
  const { classes: wanted = ['role', 'ddl'], except = [], objects, for: whom } = options
  for (const one of [...wanted, ...except])
    if (!classes.has(one))
      throw optionError('pgauditConfig', 'classes', `names ${JSON.stringify(one)}; expected ${[...classes].join(', ')}`)
  const log = [...wanted, ...except.map((one) => `-${one}`)].join(', ') || 'none'
  const settings: Record<string, string> = {
    'pgaudit.log': log,
    'pgaudit.log_catalog': onOff(options.catalog ?? false),
    'pgaudit.log_relation': onOff(options.relations ?? true),
    'pgaudit.log_parameter': onOff(options.parameters ?? false),
    'pgaudit.log_rows': onOff(options.rows ?? true),
    'pgaudit.log_statement_once': 'off',
    'pgaudit.log_level': 'log',
  }
  if (options.parameters) settings['pgaudit.log_parameter_max_size'] = String(options.parameterMaxBytes ?? 256)
  if (objects) settings['pgaudit.role'] = name('objects.role', objects.role)
  const server = {
    shared_preload_libraries: 'pgaudit',
    log_line_prefix: '%m [%p] %q%u@%d %a %c ',
    ...(whom ? {} : settings),
  }
  return {
    conf: Object.entries(server)
      .map(([key, value]) => `${key} = '${value}'\n`)
      .join(''),
    sql: [...roleSql(objects), ...overrides(whom, settings), 'create extension if not exists pgaudit;\n'].join(''),
    settings,
  }
}

function roleSql(objects: PgauditOptions['objects']): string[] {
  if (!objects) return []
  const role = name('objects.role', objects.role)
  const lines = [`do $$ begin create role ${role} nologin; exception when duplicate_object then null; end $$;\n`]
  for (const [table, rights] of Object.entries(objects.tables)) {
    for (const right of rights)
      if (!privileges.has(right))
        throw optionError('pgauditConfig', 'objects.tables', `grants ${JSON.stringify(right)}`)
    const parts = table.split('.').map((part) => name('objects.tables', part))
    lines.push(`grant ${rights.join(', ')} on ${parts.join('.')} to ${role};\n`)
  }
  return lines
}

function overrides(whom: PgauditOptions['for'], settings: Readonly<Record<string, string>>): string[] {
  if (!whom) return []
  const database = whom.database === undefined ? '' : ` in database ${name('for.database', whom.database)}`
  return Object.entries(settings).map(
    ([key, value]) => `alter role ${name('for.role', whom.role)}${database} set ${key} = '${value}';\n`,
  )
}

const onOff = (value: boolean): string => (value ? 'on' : 'off')

function name(option: string, value: string): string {
  if (!/^[a-z_][a-z0-9_$]{0,62}$/.test(value))
    throw optionError(
      'pgauditConfig',
      option,
      `is ${JSON.stringify(value.slice(0, 64))}; expected a plain lower-case name`,
    )
  return value
}

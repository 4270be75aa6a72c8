import { optionError } from './options.ts'

/** Article 6(1) of the GDPR, letters a to f. */
export type LegalBasis =
  | 'consent'
  | 'contract'
  | 'legal-obligation'
  | 'vital-interests'
  | 'public-task'
  | 'legitimate-interests'

/** What an erasure does with a table's rows of a person. */
export type ErasureRule =
  /** The rows go. */
  | { readonly action: 'delete' }
  /** The rows stay, with these values in place of the personal ones. */
  | { readonly action: 'anonymise'; readonly values: Readonly<Record<string, unknown>> }
  /** The rows stay: their values are encrypted under the subject's key, which goes. */
  | { readonly action: 'shred' }
  /** The rows stay as they are, because the law says so. */
  | { readonly action: 'retain'; readonly reason: string }

/** A table with personal data: what it holds, why, for how long, and what becomes of it. */
export interface PersonalTable {
  /** With its schema, as SQL names it: `public.customers`. */
  readonly table: string
  /** The column that says whose row it is. */
  readonly subjectColumn: string
  /** The columns with personal values. */
  readonly fields: readonly string[]
  /** Further columns of an export, which name no person: an order's number, an amount. */
  readonly alsoExport?: readonly string[]
  /** Columns that name somebody else; an export shows that there is a value, not which. */
  readonly thirdParty?: readonly string[]
  /** Columns with encrypted values, given to `decrypt` for an export. */
  readonly encrypted?: readonly string[]
  readonly purpose: string
  /** For a person: `10 years after the order`. */
  readonly retention: string
  readonly legalBasis: LegalBasis
  readonly erase: ErasureRule
}

const known = [
  'table',
  'subjectColumn',
  'fields',
  'alsoExport',
  'thirdParty',
  'encrypted',
  'purpose',
  'retention',
  'legalBasis',
  'erase',
]
const bases: ReadonlySet<string> = new Set<LegalBasis>([
  'consent',
  'contract',
  'legal-obligation',
  'vital-interests',
  'public-task',
  'legitimate-interests',
])

/** Checks the registry once. @throws ERR_SHOP_AUDIT_OPTION, naming table and member. */
export function checkRegistry(tables: readonly PersonalTable[]): readonly PersonalTable[] {
  const seen = new Set<string>()
  for (const entry of tables) {
    const where = `personal data in ${entry.table}`
    for (const name of Object.keys(entry)) if (!known.includes(name)) throw optionError(where, name, 'is not a member')
    if (!/^[a-z_][\w$]*\.[a-z_][\w$]*$/.test(entry.table))
      throw optionError(where, 'table', 'has no schema; expected schema.table in lower case')
    if (seen.has(entry.table)) throw optionError(where, 'table', 'is registered twice')
    seen.add(entry.table)
    if (!entry.subjectColumn) throw optionError(where, 'subjectColumn', 'is missing')
    if (entry.fields.length === 0) throw optionError(where, 'fields', 'is empty')
    for (const text of ['purpose', 'retention'] as const) if (!entry[text]) throw optionError(where, text, 'is missing')
    if (!bases.has(entry.legalBasis))
      throw optionError(where, 'legalBasis', `is unknown; expected ${[...bases].join(', ')}`)
    checkRule(where, entry)
  }
  return tables
}

function checkRule(where: string, entry: PersonalTable): void {
  const { erase } = entry
  switch (erase.action) {
    case 'delete':
      return
    case 'retain':
      if (!erase.reason) throw optionError(where, 'erase.reason', 'is missing: what is kept needs a reason')
      return
    case 'shred':
      if (entry.fields.some((field) => !entry.encrypted?.includes(field)))
        throw optionError(where, 'erase', 'is "shred", and not every field is encrypted')
      return
    case 'anonymise':
      for (const field of entry.fields)
        if (!(field in erase.values) && !entry.encrypted?.includes(field))
          throw optionError(where, 'erase.values', `has no value for the personal column ${field}`)
      return
    default:
      throw optionError(where, 'erase.action', 'is unknown; expected delete, anonymise, shred or retain')
  }
}

/** A quoted SQL identifier. */
export function quoted(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
}

import type { Schema, SchemaIssue } from './schema.ts'

const kinds = {
  string: (value: unknown): boolean => typeof value === 'string' && value !== '',
  integer: (value: unknown): boolean => Number.isSafeInteger(value),
  boolean: (value: unknown): boolean => typeof value === 'boolean',
  strings: (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  json: (value: unknown): boolean => value !== undefined,
} as const

interface KindTypes {
  readonly string: string
  readonly integer: number
  readonly boolean: boolean
  readonly strings: readonly string[]
  readonly json: unknown
}

type Kind = keyof typeof kinds

/** The kind of a field; a question mark makes it optional. */
export type FieldKind = Kind | `${Kind}?`

type Required<F> = { [N in keyof F]: F[N] extends Kind ? N : never }[keyof F]
type Optional<F> = { [N in keyof F]: F[N] extends `${Kind}?` ? N : never }[keyof F]

/** What a set of fields describes. */
export type FieldValues<F> = { readonly [N in Required<F>]: F[N] extends Kind ? KindTypes[F[N]] : never } & {
  readonly [N in Optional<F>]?: (F[N] extends `${infer K extends Kind}?` ? KindTypes[K] : never) | undefined
}

/**
 * A flat Standard Schema, enough for most actions without a schema library:
 * `fields({ orderId: 'string', amountMinor: 'integer', reason: 'string?' })`. Unknown fields are refused.
 */
export function fields<const F extends Readonly<Record<string, FieldKind>>>(shape: F): Schema<FieldValues<F>> {
  const checks = new Map(
    Object.entries(shape).map(([name, kind]) => [
      name,
      { check: kinds[kind.replace('?', '') as Kind], optional: kind.endsWith('?') },
    ]),
  )
  return {
    '~standard': {
      version: 1,
      vendor: 'shop-audit',
      validate(value) {
        if (typeof value !== 'object' || value === null || Array.isArray(value))
          return { issues: [{ message: 'expected an object' }] }
        const row = value as Readonly<Record<string, unknown>>
        const issues: SchemaIssue[] = []
        for (const [name, { check, optional }] of checks)
          if (row[name] === undefined ? !optional : !check(row[name]))
            issues.push({ message: `expected ${shape[name]}`, path: [name] })
        for (const name of Object.keys(row)) if (!checks.has(name)) issues.push({ message: 'unknown', path: [name] })
        return issues.length > 0 ? { issues } : { value }
      },
    },
  }
}

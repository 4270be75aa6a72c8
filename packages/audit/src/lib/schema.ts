/**
 * What this package needs of a schema: the `~standard` member of Standard Schema v1, which zod, valibot and arktype
 * have. Only its shape is needed, so no schema library is imported.
 */
export interface Schema<Input = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>
    readonly types?: { readonly input: Input; readonly output: unknown } | undefined
  }
}

/** What validation gives: the value to keep, or what stands against it. */
export type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One fault; only its path is ever repeated, because a message could quote the value. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The path of an issue as `/a/0/b`. */
export function issuePath(issue: SchemaIssue): string {
  const keys = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step))
  return `/${keys.join('/')}`
}

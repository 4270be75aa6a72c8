import { z } from 'zod'

/** What came of a submitted form: its typed fields, or a sentence for each field that is wrong. */
export type Form<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly errors: Readonly<Record<string, string>> }

export function readForm<T>(schema: z.ZodType<T>, body: unknown): Form<T> {
  const { success, data, error } = schema.safeParse(body ?? {})
  if (success) return { ok: true, data }
  return { ok: false, errors: Object.fromEntries(error.issues.map(({ path, message }) => [path.join('.'), message])) }
}

/** The fields as they were typed, to show the form again. */
export const typed = (body: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(body ?? {}).map(([name, value]) => [name, String(value)]))

/** Trimmed, normalised text between two lengths. */
export const text = (what: string, min: number, max: number): z.ZodType<string> =>
  z
    .string(`${what} is missing.`)
    .transform((given) => given.normalize('NFC').trim())
    .pipe(
      z
        .string()
        .min(min, min === 1 ? `${what} is missing.` : `${what} has at least ${min} characters.`)
        .max(max, `${what} has at most ${max} characters.`),
    )

export const email = (): z.ZodType<string> => z.email('This is no e-mail address.').max(254)

export const phone = (): z.ZodType<string> =>
  z.string().regex(/^\+[\d ()-]{7,20}$/, 'A phone number starts with + and the country: +353 1 234 5678.')

export const quantity = (): z.ZodType<number> => z.coerce.number().int().min(0).max(99, 'At most 99 of a product.')

import { z } from 'zod'

import { BootError } from './boot-error.ts'

const secret = (what: string) => z.string(`missing: ${what}`).min(16, `too short: ${what}`).meta({ secret: true })
const url = (what: string, pattern: RegExp) =>
  z
    .url({
      protocol: pattern,
      error: (issue) => (issue.input === undefined ? `missing: ${what}` : `not ${what}`),
    })
    .meta({ secret: /password/.test(what) })

/** Every setting of the shop, by the name of its environment variable. */
const schema = z.object({
  PORT: z.coerce.number('not a port, 0 to 65535').int().min(0).max(65_535).default(0),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: url('a URL like postgres://user:password@host:5432/shop', /^postgres(ql)?$/),
  PAYMENT_URL: url('the payment provider’s API, like http://127.0.0.1:4242', /^https?$/),
  PAYMENT_KEY: secret('the payment provider’s secret key, at least 16 characters'),
  PAYMENT_WEBHOOK_SECRET: secret('the secret that signs webhooks, at least 16 characters'),
  SMTP_URL: url('a mail server, like smtp://127.0.0.1:1025', /^smtps?$/),
})

export type Config = Readonly<z.infer<typeof schema>>

/**
 * The configuration in `env`, checked once at boot.
 * @throws {BootError} naming each variable that is missing or wrong, and what it should be
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const result = schema.safeParse(env)
  if (result.success) return Object.freeze(result.data)
  throw new BootError(result.error.issues.map(({ path, message }) => `${path.join('.')} is ${message}`).join('; '))
}

/** The configuration in one printable line per setting; secrets are told by their length only. */
export function describeConfig(config: Config): string {
  return Object.entries(config)
    .map(([name, value]) => `  ${name}=${redact(name as keyof Config, String(value))}`)
    .join('\n')
}

function redact(name: keyof Config, value: string): string {
  if (name.endsWith('_URL')) return value.replace(/(?<=\/\/[^:@/]*:)[^@/]*(?=@)/, '[redacted]')
  const hidden = schema.shape[name] instanceof z.ZodString && schema.shape[name].meta()?.['secret'] === true
  return hidden ? `[redacted, ${value.length} characters]` : value
}

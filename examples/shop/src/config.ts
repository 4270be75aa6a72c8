import { z } from 'zod'

import { BootError } from './boot-error.ts'

const url = (what: string, protocol: RegExp) =>
  z.url({ protocol, error: ({ input }) => (input === undefined ? `missing: ${what}` : `not ${what}`) })

const secret = (what: string) =>
  z.string(`missing: ${what}, at least 16 characters`).min(16, `too short: ${what}, at least 16 characters`)

/** Every setting of the shop, by the name of its environment variable. */
const schema = z.object({
  PORT: z.coerce.number('not a port number').int().min(0, 'not a port number').max(65_535, 'above 65535').default(3000),
  HOST: z.string().default('127.0.0.1'),
  PUBLIC_URL: url('the address customers see, like https://shop.example', /^https?$/).transform(
    (given) => new URL(given).origin,
  ),
  /** Proxies whose `X-Forwarded-*` headers are believed: addresses, networks, or `loopback`; none unless set. */
  TRUST_PROXY: z
    .string()
    .regex(/^[\w.:/, ]+$/, 'not a list like "loopback, 10.0.0.0/8"')
    .optional(),
  /** Seals phone numbers and addresses. `defaultVault()` of @shop/crypto reads it. */
  MASTER_ENCRYPTION_KEY: z
    .string('missing: 64 hexadecimal characters')
    .regex(/^[0-9a-f]{64}$/i, 'not 64 hexadecimal characters'),
  /** Signs what the audit trail is: `openssl genpkey -algorithm ed25519 -outform der | base64`. */
  AUDIT_SIGNING_KEY: z
    .string('missing: an Ed25519 private key, PKCS #8 in base64')
    .regex(/^[A-Za-z0-9+/]{64}$/, 'not an Ed25519 private key, PKCS #8 in base64'),
  DATABASE_URL: url('a URL like postgres://user:password@host:5432/shop', /^postgres(ql)?$/),
  PAYMENT_URL: url('the payment provider’s API, like http://127.0.0.1:4242', /^https?$/),
  PAYMENT_KEY: secret('the payment provider’s secret key'),
  PAYMENT_WEBHOOK_SECRET: secret('the secret the provider signs webhooks with'),
  SMTP_URL: url('a mail server, like smtp://127.0.0.1:1025', /^smtps?$/),
})

export type Config = Readonly<z.infer<typeof schema>>

/**
 * The configuration in `env`, checked once at boot.
 * @throws {BootError} naming each variable that is missing or wrong, and what it should be
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const { success, data, error } = schema.safeParse(env)
  if (success) return Object.freeze(data)
  throw new BootError(error.issues.map(({ path, message }) => `${path.join('.')} is ${message}`).join('; '))
}

/** The configuration, a setting a line, fit to print: of secrets only the length is told. */
export function describeConfig(config: Config): string {
  return Object.entries(config)
    .map(([name, value]) => `  ${name}=${redacted(name, String(value))}`)
    .join('\n')
}

function redacted(name: string, value: string): string {
  if (/_(KEY|SECRET)$/.test(name)) return `[redacted, ${value.length} characters]`
  return value.replace(/(?<=\/\/[^@]*:)[^@]*(?=@)/, '[redacted]')
}

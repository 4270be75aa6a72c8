import { SecurityError } from './errors.ts'

/** The text when it is a web origin in its canonical spelling (`https://shop.example`, `http://localhost:3000`), else undefined. */
export function originOf(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\\\s]+$/.test(text)) return undefined
  const url = URL.parse(text)
  return url !== null && url.origin === text ? text : undefined
}

/**
 * A set of trusted origins, each checked when built.
 * @throws ERR_SHOP_SECURITY_ORIGIN
 */
export function originSet(name: string, origins: readonly string[]): ReadonlySet<string> {
  for (const origin of origins) {
    if (typeof origin === 'string' && originOf(origin)) continue
    throw new SecurityError(
      'ERR_SHOP_SECURITY_ORIGIN',
      `${name} has ${JSON.stringify(origin)}, which is no origin. An origin is scheme, host and port, in lower case, without a path or a trailing slash: "https://shop.example".`,
    )
  }
  return new Set(origins)
}

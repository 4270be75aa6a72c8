import type { RequestView } from '@shop/middleware'

/** One cookie's value as sent; undefined when it is absent, or sent twice, for then somebody planted one. */
export function cookieOf(request: RequestView, name: string): string | undefined {
  const sent = request.header('cookie')
  if (sent === undefined) return undefined
  let found: string | undefined
  for (const part of sent.split(';')) {
    const at = part.indexOf('=')
    if (at === -1 || part.slice(0, at).trim() !== name) continue
    if (found !== undefined) return undefined
    found = part.slice(at + 1).trim()
  }
  return found
}

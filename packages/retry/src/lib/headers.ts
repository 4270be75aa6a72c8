type Source = { readonly headers?: unknown; readonly response?: { readonly headers?: unknown } }

/** A header of a Response, or of an error that carries headers itself (Stripe) or on its `response` (axios, got). */
export function headerOf(source: unknown, name: string): string | undefined {
  if (typeof source !== 'object' || source === null) return undefined
  const { headers, response } = source as Source
  return read(headers, name) ?? read(response?.headers, name)
}

function read(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  const { get } = headers as { get?: unknown }
  const value: unknown =
    typeof get === 'function' ? get.call(headers, name) : (headers as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'string' ? value : undefined
}

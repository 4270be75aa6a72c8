import { Readable } from 'node:stream'

/** A payload as bytes where it is at most `limit` of them; else `rest`, which is the same payload untouched or begun. */
export async function collect(payload: unknown, limit: number): Promise<{ bytes?: Uint8Array; rest?: unknown }> {
  if (typeof payload === 'string') payload = Buffer.from(payload)
  if (payload instanceof Uint8Array) return payload.byteLength <= limit ? { bytes: payload } : { rest: payload }
  if (!(payload instanceof Readable)) return { rest: payload }
  const chunks: Uint8Array[] = []
  let size = 0
  const source = payload[Symbol.asyncIterator]() as AsyncIterator<Uint8Array | string>
  for (let next = await source.next(); !next.done; next = await source.next()) {
    const chunk = typeof next.value === 'string' ? Buffer.from(next.value) : next.value
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > limit) return { rest: Readable.from(resume(chunks, source)) }
  }
  return { bytes: Buffer.concat(chunks, size) }
}

async function* resume(
  begun: readonly Uint8Array[],
  source: AsyncIterator<Uint8Array | string>,
): AsyncGenerator<Uint8Array | string> {
  try {
    yield* begun
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  } finally {
    await source.return?.()
  }
}

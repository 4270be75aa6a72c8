import type { RunOptions, Task } from './context.ts'

/** The header that tells a server how many milliseconds the caller will still wait. */
export const DEADLINE_HEADER = 'x-request-timeout-ms'

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

type Run = (task: Task<Response>, options: RunOptions) => Promise<Response>

/**
 * `fetch` over a pipeline. A body that can be read only once (a stream, a Request with a body) is sent once: no retry, no hedge.
 * A method that is not idempotent is repeated only with an `Idempotency-Key`, or when nothing was processed. Responses that are
 * not handed on are cancelled, so that their sockets go back to the pool.
 */
export function replayingFetch(run: Run): typeof fetch {
  return async (input, init) => {
    const given = input instanceof Request ? input : undefined
    const method = (init?.method ?? given?.method ?? 'GET').toUpperCase()
    const headers = new Headers(init?.headers ?? given?.headers)
    const signal = init?.signal ?? given?.signal
    const once = isStream(init?.body) || (init?.body === undefined && (given?.body ?? null) !== null)
    const idempotent = IDEMPOTENT.has(method) || headers.has('idempotency-key')
    const open = new Set<Response>()
    const send: Task<Response> = async (context) => {
      if (!context.hedged) discard(open)
      const own = new Headers(headers)
      if (context.remaining < Infinity) own.set(DEADLINE_HEADER, String(Math.floor(context.remaining)))
      const until = signal ? AbortSignal.any([context.signal, signal]) : context.signal
      const response = await fetch(input, { ...init, method, headers: own, signal: until })
      open.add(response)
      if (context.signal.aborted) discard(open)
      return response
    }
    try {
      const answer = await run(send, signal ? { signal, idempotent, once } : { idempotent, once })
      open.delete(answer)
      return answer
    } finally {
      discard(open)
    }
  }
}

function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false
  return body instanceof ReadableStream || (Symbol.asyncIterator in body && !(body instanceof Blob))
}

function discard(open: Set<Response>): void {
  for (const response of open) response.body?.cancel().catch(() => undefined)
  open.clear()
}

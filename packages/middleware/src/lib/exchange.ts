import type { HeaderPairs, RequestView } from './policy.ts'

/** Whether a response has no body, whatever its handler wrote. */
export function isBodiless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/**
 * One request on its way through a chain: the view that policies see, and what the chain itself must remember.
 * Every framework has one subclass; the split keeps adapters free of policy and policies free of frameworks.
 */
export abstract class Exchange implements RequestView {
  abstract readonly method: string
  abstract readonly ip: string
  abstract readonly secure: boolean
  abstract readonly host: string | undefined
  abstract readonly route: string | undefined
  abstract readonly body: unknown
  abstract readonly raw: object
  abstract readonly rawHeaders: readonly string[]
  abstract readonly signal: AbortSignal
  abstract header(name: string): string | undefined
  abstract bytes(limit: number): Promise<Uint8Array>

  /** Path and query as received. */
  protected abstract readonly target: string
  /** Sets headers on the response to come. */
  abstract apply(headers: HeaderPairs): void
  /** Takes headers off the response to come. */
  abstract drop(names: readonly string[]): void

  /** `performance.now()` at first sight of the request; only kept when a policy settles. */
  started = 0
  error: unknown = undefined
  /** Of the response's body so far; only kept when a policy settles. */
  sent = 0
  settled = false
  #split = -1

  get path(): string {
    const target = this.target
    const at = this.#question(target)
    return at === target.length ? target : target.slice(0, at)
  }

  get query(): string {
    return this.target.slice(this.#question(this.target) + 1)
  }

  #question(target: string): number {
    if (this.#split === -1) {
      const at = target.indexOf('?')
      this.#split = at === -1 ? target.length : at
    }
    return this.#split
  }
}

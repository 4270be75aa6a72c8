declare module 'opossum' {
  export default class CircuitBreaker {
    constructor(action: (...args: unknown[]) => unknown, options?: Readonly<Record<string, unknown>>)
    fire(...args: unknown[]): Promise<unknown>
    shutdown(): void
  }
}

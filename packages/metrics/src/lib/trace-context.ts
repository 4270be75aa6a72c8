import { AsyncLocalStorage } from 'node:async_hooks'

/** Where in a distributed trace this piece of work is. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /** 16 lower-case hexadecimal digits. */
  readonly spanId: string
  /** Whether the trace is recorded somewhere. */
  readonly sampled: boolean
  /** The id the request is known by in logs and answers. */
  readonly requestId: string
}

const storage = new AsyncLocalStorage<TraceContext>()

/** The trace of the request this code runs for, when a `tracing()` policy or {@link withTrace} set one. */
export function currentTrace(): TraceContext | undefined {
  return storage.getStore()
}

/** Runs a function, and everything it starts, within a trace. */
export function withTrace<T>(trace: TraceContext, run: () => T): T {
  return storage.run(trace, run)
}

/** Enters a trace for the rest of this asynchronous execution: the way of policies, which wrap nothing. */
export function enterTrace(trace: TraceContext): void {
  storage.enterWith(trace)
}

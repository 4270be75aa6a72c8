import { classifyResult } from './classify.ts'
import { RetryConfigError } from './errors.ts'
import type { Gate } from './gate.ts'
import type { FallbackRule, HedgeRule, Plan, RetryRule } from './plan.ts'
import type { Runtime } from './runtime.ts'

/** What a strategy contributes to a plan. */
export type Piece =
  | { readonly kind: 'deadline'; readonly ms: number }
  | { readonly kind: 'timeout'; readonly ms: number }
  | { readonly kind: 'retry'; readonly rule: RetryRule }
  | { readonly kind: 'hedge'; readonly rule: HedgeRule }
  | { readonly kind: 'fallback'; readonly rule: FallbackRule }
  | { readonly kind: 'breaker'; readonly gate: Gate & { readonly era: number } }
  | { readonly kind: 'adaptiveLimit' | 'throttle' | 'bulkhead'; readonly gate: Gate }

/** What must stand outside retry or inside it, and what happens when it does not. */
const PLACES: Readonly<Partial<Record<Piece['kind'], readonly ['before' | 'after', string]>>> = {
  deadline: ['before', 'inside retry it would limit one attempt, which is what timeout() is for'],
  timeout: ['after', 'outside retry it would limit the whole call, which is what deadline() is for'],
  breaker: [
    'after',
    'outside retry it counts a call that was saved by its third attempt as healthy, and retry hammers what the breaker should have closed off',
  ],
  hedge: ['after', 'outside retry every copy would retry by itself'],
}

const NO_ERA = { era: 0 }

/** Puts the pieces of a pipeline together, or says why they do not fit. */
export function compile(name: string, pieces: readonly Piece[], runtime: Runtime): Plan {
  checkOnce(name, pieces)
  checkPlaces(name, pieces)
  const retryAt = pieces.findIndex((piece) => piece.kind === 'retry')
  const outer = gatesOf(retryAt < 0 ? [] : pieces.slice(0, retryAt))
  const gates = [...outer, ...gatesOf(pieces.slice(retryAt < 0 ? 0 : retryAt))]
  for (const gate of gates) gate.attach(name, runtime)
  const retry = find(pieces, 'retry')?.rule
  const hedge = find(pieces, 'hedge')?.rule
  const deadline = find(pieces, 'deadline')?.ms ?? Infinity
  const timeout = find(pieces, 'timeout')?.ms ?? Infinity
  const limit = Math.min(deadline, timeout)
  return {
    name,
    remaining: () => limit,
    runtime,
    gates,
    inner: outer.length,
    timed: hedge !== undefined || gates.some((gate) => gate.timed),
    deadline,
    timeout,
    retry,
    hedge,
    fallback: find(pieces, 'fallback')?.rule,
    judge: retry?.judge ?? classifyResult,
    budget: retry?.budget,
    era: find(pieces, 'breaker')?.gate ?? NO_ERA,
    active: 0,
    isolated: 0,
    disposed: false,
    drained: undefined,
  }
}

function find<K extends Piece['kind']>(pieces: readonly Piece[], kind: K): Extract<Piece, { kind: K }> | undefined {
  return pieces.find((piece): piece is Extract<Piece, { kind: K }> => piece.kind === kind)
}

function gatesOf(pieces: readonly Piece[]): Gate[] {
  return pieces.flatMap((piece) => ('gate' in piece ? [piece.gate] : []))
}

function checkOnce(name: string, pieces: readonly Piece[]): void {
  const seen = new Set<string>()
  for (const { kind } of pieces) {
    if (seen.has(kind)) throw new RetryConfigError('ERR_SHOP_RETRY_STRATEGY', name, `${name} has ${kind} twice`)
    seen.add(kind)
  }
}

function checkPlaces(name: string, pieces: readonly Piece[]): void {
  const kinds = pieces.map((piece) => piece.kind)
  const retryAt = kinds.indexOf('retry')
  if (retryAt < 0) return
  for (const [index, kind] of kinds.entries()) {
    const [place, why] = PLACES[kind] ?? []
    if (place === undefined || (place === 'before') === index < retryAt) continue
    throw new RetryConfigError('ERR_SHOP_RETRY_ORDER', name, `${name}: ${kind} must stand ${place} retry: ${why}`)
  }
}

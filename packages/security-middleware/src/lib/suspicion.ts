import type { AttackClass } from './finding.ts'

/** What the inspection does about what it sees. `monitor` tells; `shadow` also tells what enforcing would have refused; `enforce` refuses. */
export type InspectMode = 'monitor' | 'shadow' | 'enforce'

/** What made a request suspicious. */
export type SuspicionKind =
  | 'attack'
  | 'engine'
  | 'honeypot-path'
  | 'honeypot-field'
  | 'scanner'
  | 'login-failure'
  | 'jailed'
  | 'over-budget'

/** One suspicion, told on its channel. It carries no value of the request: the client is a keyed hash, the name is the field's. */
export interface Suspicion {
  readonly kind: SuspicionKind
  readonly mode: InspectMode
  /** What became of the request. */
  readonly decision: 'passed' | 'refused' | 'would-refuse'
  /** Of an attack. */
  readonly class?: AttackClass
  readonly rule?: string
  readonly place?: 'path' | 'query' | 'header' | 'cookie' | 'body'
  /** The parameter, header, cookie or body path it was found in. */
  readonly name?: string
  /** Layers of encoding over it, and where in the decoded form it is. */
  readonly layer?: number
  readonly start?: number
  readonly end?: number
  readonly method: string
  readonly route: string | undefined
  /** The same client has the same hash, for the life of the process (or of `clientKey`). */
  readonly client: string
  /** The client's score after this. */
  readonly score: number
  readonly jailed: boolean
}

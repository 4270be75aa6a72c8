import { channel, type Channel } from 'node:diagnostics_channel'

import type { Denial, RequestView } from './policy.ts'

/** Published when a policy refuses a request. */
export interface DeniedEvent {
  readonly policy: string
  readonly denial: Denial
  readonly request: RequestView
}

/** Published when a policy throws; `passed` tells whether the request went on all the same. */
export interface PolicyFailedEvent {
  readonly policy: string
  readonly stage: 'evaluate' | 'inspect' | 'respond' | 'transform' | 'settle'
  readonly error: unknown
  readonly passed: boolean
  readonly request: RequestView
}

/** `shop:middleware:denied` carries a {@link DeniedEvent}. */
export const denied: Channel = channel('shop:middleware:denied')
/** `shop:middleware:policy-failed` carries a {@link PolicyFailedEvent}. */
export const policyFailed: Channel = channel('shop:middleware:policy-failed')

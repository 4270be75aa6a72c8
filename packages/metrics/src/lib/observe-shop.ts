import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { observations } from './observations.ts'
import { onlyKnown } from './options.ts'
import type { Register } from './register.ts'

/** What {@link observeShop} takes. */
export interface ObserveShopOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
}

/**
 * Turns what the other packages publish on their diagnostics channels into metrics. It imports none of them: a
 * channel nobody publishes on costs nothing, and a payload of an unknown shape is counted as `unknown`.
 * @returns what ends the subscriptions
 */
export function observeShop(options: ObserveShopOptions = {}): Disposable {
  onlyKnown('observeShop()', options, ['register'])
  const place = options.register && { register: options.register }
  const subscribed = Object.entries(observations(place)).map(([name, observe]) => {
    const listener = (message: unknown): void => observe((message ?? {}) as Readonly<Record<string, unknown>>)
    subscribe(name, listener)
    return () => unsubscribe(name, listener)
  })
  return {
    [Symbol.dispose]() {
      for (const end of subscribed) end()
    },
  }
}

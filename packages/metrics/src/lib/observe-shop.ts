import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { observations } from './observations.ts'
import { onlyKnown } from './options.ts'
import { once, type Register, registerOf } from './register.ts'

/** What {@link observeShop} takes. */
export interface ObserveShopOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
}

/**
 * Turns what the other packages publish on their diagnostics channels into metrics. It imports none of them: a
 * channel nobody publishes on costs nothing, and a payload of an unknown shape is counted as `unknown`.
 * @returns what ends the subscriptions; the same for a second call
 */
export function observeShop(options: ObserveShopOptions = {}): Disposable {
  onlyKnown('observeShop()', options, ['register'])
  const register = registerOf('observeShop()', options.register)
  return once(installed, register, () => {
    const subscribed = Object.entries(observations({ register })).map(([name, observe]) => {
      const listener = (message: unknown): void => observe((message ?? {}) as Readonly<Record<string, unknown>>)
      subscribe(name, listener)
      return () => unsubscribe(name, listener)
    })
    return () => {
      for (const end of subscribed) end()
    }
  })
}

const installed = new WeakMap<Register, Disposable>()

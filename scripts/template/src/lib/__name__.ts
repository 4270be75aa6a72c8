import { __Name__Error } from './errors.ts'
import { refused, type RefusedMessage } from './events.ts'

export interface __Name__Options {
  /** How often `take()` says yes; 1 to 1,000,000. @default 100 */
  readonly limit?: number
}

export interface __Name__ {
  /** Whether there was one left. */
  take(): boolean
}

/**
 * A counter that runs out; replace it by what the package is for.
 * @throws {__Name__Error} `ERR_SHOP___CODE___OPTION`
 */
export function create__Name__(options: __Name__Options = {}): __Name__ {
  let left = limitOf(options)
  const message: RefusedMessage = { limit: left }
  return {
    take() {
      if (left > 0) return left-- > 0
      refused.publish(message)
      return false
    },
  }
}

function limitOf({ limit = 100, ...unknown }: __Name__Options): number {
  const [option] = Object.keys(unknown)
  if (option) throw bad(option, 'is not an option; there is: limit')
  if (!Number.isInteger(limit) || limit < 1 || limit > 1e6) throw bad('limit', `is ${limit}, not an integer from 1 to 1000000`)
  return limit
}

function bad(option: string, what: string): __Name__Error {
  return new __Name__Error('ERR_SHOP___CODE___OPTION', `create__Name__: ${option} ${what}`)
}

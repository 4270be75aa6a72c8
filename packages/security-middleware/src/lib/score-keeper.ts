import { setTimeout } from 'node:timers/promises'

import { type ClientScore, type ScoreRules, scoreMemory, type ScoreStore } from './client-score.ts'
import { scoreStoreFailed } from './events.ts'

/** What stands in for a store that fails or is late: this process's memory, a clean record for everybody, or no answer. */
export type WhenStoreFails = 'local' | 'open' | 'closed'

/** Nobody can say how the client stands. */
export const unknownStanding: unique symbol = Symbol('unknown standing')

/** Scores through a store, or through what stands in for it. */
export interface ScoreKeeper {
  add(client: string, points: number): ClientScore | Promise<ClientScore>
  /** {@link unknownStanding} only with `closed`. */
  read(client: string): Standing | Promise<Standing>
  forgive(client: string): void | Promise<void>
}
type Standing = ClientScore | undefined | typeof unknownStanding

/** A store that hangs gathers no more unanswered calls than this. */
const mostWaiting = 100

export function scoreKeeper(
  store: ScoreStore,
  rules: ScoreRules,
  options: { readonly timeout: number; readonly now: () => number; readonly whenStoreFails: WhenStoreFails },
): ScoreKeeper {
  const { timeout, now, whenStoreFails } = options
  const local = scoreMemory(10_000)
  const clean: ClientScore = { score: 0, at: 0, jailedUntil: 0 }
  let waiting = 0

  function guarded<T>(
    operation: 'add' | 'read',
    call: () => T | Promise<T>,
    answered: (result: T) => void,
    otherwise: () => T,
  ): T | Promise<T> {
    const failed = (error: unknown): T => {
      if (scoreStoreFailed.hasSubscribers) scoreStoreFailed.publish({ operation, error })
      return otherwise()
    }
    if (waiting >= mostWaiting) return failed(new Error(`${waiting} calls have no answer yet`))
    try {
      const result = call()
      if (!(result instanceof Promise)) return result
      waiting++
      const settled = (): void => void waiting--
      result.then(settled, settled)
      return Promise.race([result, late(timeout)]).then((value) => {
        answered(value)
        return value
      }, failed)
    } catch (error) {
      return failed(error)
    }
  }

  return {
    add: (client, points) =>
      guarded<ClientScore>(
        'add',
        () => store.add(client, points, now(), rules),
        // the local record goes on from what the store last said
        (record) => local.keep(client, record),
        () => (whenStoreFails === 'local' ? local.add(client, points, now(), rules) : clean),
      ),
    read: (client) =>
      guarded<Standing>(
        'read',
        () => store.read(client, now(), rules),
        (record) => local.keep(client, record as ClientScore | undefined),
        () =>
          whenStoreFails === 'local'
            ? local.read(client, now(), rules)
            : whenStoreFails === 'open'
              ? undefined
              : unknownStanding,
      ),
    forgive(client) {
      local.forgive(client)
      return store.forgive(client)
    },
  }
}

async function late(timeout: number): Promise<never> {
  await setTimeout(timeout, undefined, { ref: false })
  throw new Error(`no answer within ${timeout} ms`)
}

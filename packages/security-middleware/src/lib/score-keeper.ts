import { setTimeout } from 'node:timers/promises'

import { type ClientScore, memoryScores, type ScoreRules, type ScoreStore } from './client-score.ts'
import { scoreStoreFailed } from './events.ts'

/** Scores through a store, or, when it fails or is late, through the memory of this process. */
export interface ScoreKeeper {
  add(client: string, points: number): ClientScore | Promise<ClientScore>
  read(client: string): ClientScore | undefined | Promise<ClientScore | undefined>
  forgive(client: string): void | Promise<void>
}

export function scoreKeeper(store: ScoreStore, rules: ScoreRules, timeout: number, now: () => number): ScoreKeeper {
  const local = memoryScores()

  function guarded<T>(operation: 'add' | 'read', call: () => T | Promise<T>, otherwise: () => T): T | Promise<T> {
    const failed = (error: unknown): T => {
      if (scoreStoreFailed.hasSubscribers) scoreStoreFailed.publish({ operation, error })
      return otherwise()
    }
    try {
      const result = call()
      return result instanceof Promise ? Promise.race([result, late(timeout)]).catch(failed) : result
    } catch (error) {
      return failed(error)
    }
  }

  return {
    add: (client, points) =>
      guarded(
        'add',
        () => store.add(client, points, now(), rules),
        () => local.add(client, points, now(), rules) as ClientScore,
      ),
    read: (client) =>
      guarded<ClientScore | undefined>(
        'read',
        () => store.read(client, now(), rules),
        () => local.read(client, now(), rules) as ClientScore | undefined,
      ),
    forgive(client) {
      void local.forgive(client)
      return store.forgive(client)
    },
  }
}

async function late(timeout: number): Promise<never> {
  await setTimeout(timeout, undefined, { ref: false })
  throw new Error(`no answer within ${timeout} ms`)
}

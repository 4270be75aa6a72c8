// What must not compile. Checked by tsc; each line names the mistake.
import { compose } from './compose.ts'
import { requestKey } from './key.ts'
import type { Policy } from './policy.ts'

// @ts-expect-error a policy needs a name
compose({ evaluate: () => undefined })

// @ts-expect-error a denial needs a status
export const noStatus: Policy = { name: 'a', evaluate: () => ({ deny: { code: 'x', title: 'y' } }) }

// @ts-expect-error settle comes too late for a verdict to be awaited: it takes the outcome, not the request
export const wrongHook: Policy = { name: 'a', settle: (request: { method: string }) => void request.method }

export const readOnly: Policy = {
  name: 'a',
  evaluate: (request) => {
    // @ts-expect-error the view is read-only
    request.method = 'GET'
    return undefined
  },
}

// @ts-expect-error a key holds one type
requestKey<string>().set({}, 7)

import type { RequestView } from '@shop/middleware'

import { engineFailed } from './events.ts'
import type { AttackClass } from './finding.ts'
import type { RequestFinding } from './scan-request.ts'

/** Another engine's opinion of a request, asked synchronously. */
export interface InspectionEngine {
  readonly name: string
  /** The class of what it found, and its own name for the rule. */
  run(request: RequestView): { readonly class: AttackClass; readonly rule: string } | undefined
  close?(): void
}

/** Its verdict as a finding of ours. An engine that throws has no opinion: the detector was already asked, and a channel tells. */
export function runEngine(engine: InspectionEngine, request: RequestView): RequestFinding | undefined {
  try {
    const found = engine.run(request)
    return (
      found && {
        ...found,
        rule: `${engine.name}:${found.rule}`,
        start: 0,
        end: 0,
        layer: 0,
        form: '',
        place: 'body',
        name: '',
      }
    )
  } catch (error) {
    if (engineFailed.hasSubscribers) engineFailed.publish({ engine: engine.name, error })
    return undefined
  }
}

import { compose, type PolicyList } from './compose.ts'
import type { Policy } from './policy.ts'

const STAGES = ['evaluate', 'inspect', 'respond', 'transform', 'settle'] as const

/**
 * The order in which policies run, stage by stage, and warnings about known mistakes: a policy before one it must stand
 * after, two owners of one header, body limits that differ. What stands before a `protect()` of Express is told by its own `explain`.
 *
 * @example console.log(explain(securityHeaders(), csrf(), validate({ … })))
 */
export function explain(...list: PolicyList): string {
  const policies = compose(...list)
  const width = Math.max(...policies.map(({ name }) => name.length), 0)
  const lines = policies.map(
    (policy, index) =>
      `${String(index + 1).padStart(2)}. ${policy.name.padEnd(width)}  ${STAGES.filter((stage) => policy[stage]).join(', ')}`,
  )
  return [...lines, ...warnings(policies).map((warning) => `warning: ${warning}`)].join('\n')
}

function warnings(policies: readonly Policy[]): string[] {
  const found: string[] = []
  const place = new Map(policies.map(({ name }, index) => [name, index]))
  const owner = new Map<string, string>()
  policies.forEach(({ name, traits }, index) => {
    for (const later of traits?.before ?? []) {
      if ((place.get(later) ?? Infinity) < index) found.push(`${name} must stand before ${later}`)
    }
    for (const earlier of traits?.after ?? []) {
      if ((place.get(earlier) ?? -1) > index) found.push(`${name} must stand after ${earlier}`)
    }
    for (const header of traits?.owns ?? []) {
      const other = owner.get(header)
      if (other !== undefined) found.push(`${other} and ${name} both set ${header}; the later one wins`)
      owner.set(header, name)
    }
  })
  const limits = new Map(
    policies.flatMap(({ name, bodyLimit }) => (bodyLimit === undefined ? [] : [[name, bodyLimit] as const])),
  )
  if (new Set(limits.values()).size > 1) {
    const [name, limit] = [...limits].reduce((least, one) => (one[1] < least[1] ? one : least))
    found.push(`policies differ in bodyLimit; the smallest counts for all: ${limit} bytes, by ${name}`)
  }
  return found
}

import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { describe, expect, it } from 'vitest'

import { corpus } from '@shop/testkit'

import { canonicalize } from './canonical.ts'
import { shopActions } from './catalogue.ts'
import { toCloudEvent } from './cloud-events.ts'
import { toEcs } from './ecs.ts'
import type { RecordedEvent } from './event.ts'
import { toOcsf } from './ocsf.ts'

const base: Omit<RecordedEvent, 'action'> = {
  actor: { type: 'admin', id: 'a-1', roles: ['support'] },
  changes: [{ field: 'stock', from: 1, to: 2 }],
  context: { requestId: 'r-1', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' },
  data: { to: ['admin'] },
  id: '019ab3f0-0000-7000-8000-000000000001',
  link: { prev: '', seq: 1, writer: 'b3ba0c2e-7d4e-4c6a-9f61-1c7d2f7a9c11' },
  outcome: 'denied',
  severity: 'high',
  targets: [{ type: 'user', id: 'u-2' }],
  time: '2026-11-24T07:00:00.000Z',
  version: 1,
}

const events: readonly RecordedEvent[] = [
  ...shopActions.map((action) => ({ ...base, action: action.name })),
  { ...base, action: 'order.placed', outcome: 'success' },
  { action: 'auth.login_failed', id: base.id, outcome: 'failure', severity: 'medium', time: base.time, version: 1 },
]

const proof = { event: '{}', index: 7, hashes: ['AAAA'], checkpoint: 'shop.test/audit\n9\nAAAA\n\n— x y\n' }

describe('OCSF', () => {
  it('every event, bare and attested, passes the published schema of its class in the corpus', () => {
    const schema = new OcsfSchema(corpus('audit/ocsf'))
    for (const event of events)
      for (const options of [{}, { proof }, { personal: { ip: '192.0.2.7' } }]) {
        const mapped = toOcsf(event, options)
        expect(schema.faults(mapped), `${event.action} ${JSON.stringify(options)}`).toEqual([])
      }
  })

  it('the attestation’s fingerprint covers the whole event but itself, as the profile demands', () => {
    const { attestation_list: list, ...rest } = toOcsf(events[0]!, { proof }) as {
      attestation_list: { fingerprint: { value: string }; signatures: unknown }[]
    }
    const { fingerprint, signatures: _, ...head } = list[0]!
    expect(fingerprint.value).toBe(hash('sha256', canonicalize({ ...rest, attestation_list: [head] })))
  })
})

describe('CloudEvents 1.0 (the corpus has no schema of it: checked are the attributes and name rules of the specification, written out here)', () => {
  const validate = formats.default(new Ajv({ strict: false })).compile({
    type: 'object',
    required: ['id', 'source', 'specversion', 'type'],
    properties: {
      id: { type: 'string', minLength: 1 },
      source: { type: 'string', format: 'uri-reference', minLength: 1 },
      specversion: { const: '1.0' },
      type: { type: 'string', minLength: 1 },
      datacontenttype: { type: 'string', minLength: 1 },
      subject: { type: 'string', minLength: 1 },
      time: { type: 'string', format: 'date-time' },
      traceparent: { type: 'string', pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' },
    },
    propertyNames: { pattern: '^[a-z0-9]{1,20}$' },
  })

  it('every event is one', () => {
    for (const event of events) {
      const mapped = toCloudEvent(event, { source: 'https://shop.example/audit' })
      expect(validate(mapped), JSON.stringify(validate.errors)).toBe(true)
      expect(mapped.type).toBe(`shop.audit.${event.action}.v1`)
    }
  })
})

describe('ECS (the corpus has no schema of it: checked are the allowed values of ECS 8 for categorisation, written out here)', () => {
  const allowed = {
    category: ['authentication', 'configuration', 'database', 'iam', 'process', 'web'],
    type: ['access', 'change', 'denied', 'end', 'info', 'start'],
    outcome: ['success', 'failure', 'unknown'],
  }

  it('every event keeps to the allowed categories', () => {
    for (const event of events) {
      const { event: fields } = toEcs(event) as { event: { category: string[]; type: string[]; outcome: string } }
      expect(allowed.category).toContain(fields.category[0])
      expect(allowed.type).toContain(fields.type[0])
      expect(allowed.outcome).toContain(fields.outcome)
    }
  })
})

interface Definition {
  readonly uid?: number
  readonly name?: string
  readonly extends?: string
  readonly attributes: Record<string, Attribute>
  readonly constraints?: { readonly at_least_one?: readonly string[] }
}
interface Attribute {
  readonly requirement?: string
  readonly type?: string
  readonly is_array?: boolean
  readonly enum?: Record<string, unknown>
}

/** As much of OCSF's own validator as tells a good event from a bad one. */
class OcsfSchema {
  readonly #root: string
  readonly #dictionary: Record<string, Attribute>
  readonly #classes = new Map<number, Definition>()
  readonly #byName = new Map<string, Definition>()

  constructor(root: string) {
    this.#root = root
    this.#dictionary = this.#read<{ attributes: Record<string, Attribute> }>('dictionary.json').attributes
    const categories = this.#read<{ attributes: Record<string, { uid: number }> }>('categories.json').attributes
    for (const file of readdirSync(path.join(root, 'events'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.json')) continue
      const definition = this.#read<Definition>(`events/${file}`)
      this.#byName.set(definition.name!, definition)
      const category = categories[file.split('/')[0]!]?.uid
      if (definition.uid !== undefined && category !== undefined)
        this.#classes.set(category * 1000 + definition.uid, definition)
    }
  }

  #read<T>(file: string): T {
    return JSON.parse(readFileSync(path.join(this.#root, file), 'utf8')) as T
  }

  faults(event: Record<string, unknown>): string[] {
    const definition = this.#classes.get(event['class_uid'] as number)
    if (!definition) return [`no class ${String(event['class_uid'])}`]
    const attributes = this.#flat(definition, (name) => this.#byName.get(name))
    const faults = this.#object(attributes, event, '')
    if (event['type_uid'] !== (event['class_uid'] as number) * 100 + (event['activity_id'] as number))
      faults.push('type_uid')
    return faults
  }

  #flat(definition: Definition, find: (name: string) => Definition | undefined): Record<string, Attribute> {
    const parent = definition.extends ? find(definition.extends) : undefined
    const out: Record<string, Attribute> = parent ? this.#flat(parent, find) : {}
    for (const [name, attribute] of Object.entries(definition.attributes)) {
      if (name === '$include')
        for (const file of attribute as unknown as string[])
          for (const [given, one] of Object.entries(this.#read<Definition>(file).attributes))
            out[given] = { ...one, requirement: 'optional' } // a profile's demands hold only where it is applied
      else out[name] = { ...out[name], ...attribute, enum: { ...out[name]?.enum, ...attribute.enum } }
    }
    return out
  }

  #object(attributes: Record<string, Attribute>, value: Record<string, unknown>, at: string): string[] {
    const faults: string[] = []
    for (const [name, attribute] of Object.entries(attributes))
      if (attribute.requirement === 'required' && value[name] === undefined) faults.push(`${at}/${name} is missing`)
    for (const [name, member] of Object.entries(value)) {
      const attribute = attributes[name]
      if (!attribute) faults.push(`${at}/${name} is not in the schema`)
      else faults.push(...this.#value(name, attribute, member, `${at}/${name}`))
    }
    return faults
  }

  #value(name: string, attribute: Attribute, value: unknown, at: string): string[] {
    const known = { ...this.#dictionary[name], ...attribute }
    const values = { ...this.#dictionary[name]?.enum, ...attribute.enum }
    if (known.is_array) {
      if (!Array.isArray(value)) return [`${at} is no array`]
      return value.flatMap((one, i) => this.#typed(known.type!, values, one, `${at}/${i}`))
    }
    return this.#typed(known.type!, values, value, at)
  }

  #typed(type: string, values: Record<string, unknown>, value: unknown, at: string): string[] {
    if (type.endsWith('_t')) {
      const number = ['integer_t', 'long_t', 'timestamp_t', 'port_t', 'float_t'].includes(type)
      if (
        number
          ? !Number.isInteger(value)
          : type === 'boolean_t'
            ? typeof value !== 'boolean'
            : typeof value !== 'string'
      )
        return [`${at} is no ${type}`]
      const compiled = /^\/(category|class|type)_uid$/.test(at) // the framework fills these in from its folders
      if (number && !compiled && Object.keys(values).length > 0 && !(String(value) in values))
        return [`${at} is outside its enum`]
      return []
    }
    if (typeof value !== 'object' || value === null) return [`${at} is no object`]
    const file = `objects/${type}.json`
    if (type === 'object' || !existsSync(path.join(this.#root, file))) return []
    const definition = this.#read<Definition>(file)
    const attributes = this.#flat(definition, (name) => this.#read<Definition>(`objects/${name}.json`))
    const faults = this.#object(attributes, value as Record<string, unknown>, at)
    const one = definition.constraints?.at_least_one
    if (one && !one.some((name) => name in value)) faults.push(`${at} has none of ${one.join(', ')}`)
    return faults
  }
}

// Misuse that must not compile.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type pg from 'pg'
import { z } from 'zod'

import { defineAction } from './action.ts'
import { createAudit } from './audit.ts'
import { loggedIn } from './catalogue.ts'
import type { Schema } from './schema.ts'

declare const pool: pg.Pool

// Whatever keeps to Standard Schema will do.
declare const standard: StandardSchemaV1<{ parcels: number }>
export const accepted: Schema<{ parcels: number }> = standard
const actor = { type: 'user', id: 'u-1' } as const

const audit = createAudit({ pool })
void audit.record(loggedIn(actor, { method: 'password' }))
// @ts-expect-error method is missing
void audit.record(loggedIn(actor, {}))
// @ts-expect-error there is no such action
void audit.record({ action: 'auth.logon', actor, data: { method: 'password' } })
// @ts-expect-error data of another action
void audit.record({ action: 'order.cancelled', actor, data: { method: 'password' } })
// @ts-expect-error an actor of an unknown type
void audit.record(loggedIn({ type: 'robot', id: '1' }, { method: 'password' }))

const shipped = defineAction({
  name: 'order.shipped',
  version: 1,
  data: z.object({ parcels: z.int() }),
  durability: 'critical',
})
const own = createAudit({ pool, actions: [shipped] })
void own.record({ action: 'order.shipped', actor, data: { parcels: 2 } })
// @ts-expect-error parcels is a number
void own.record({ action: 'order.shipped', actor, data: { parcels: 'two' } })
// @ts-expect-error the action needs data
void own.record({ action: 'order.shipped', actor })
// @ts-expect-error an unknown durability
defineAction({ name: 'a.b', version: 1, durability: 'someday' })
// @ts-expect-error a durability for an action that is not there
createAudit({ pool, actions: [shipped], durability: { 'order.lost': 'critical' } })

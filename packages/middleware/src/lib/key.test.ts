import { expect, test } from 'vitest'

import { requestKey } from './key.ts'
import { rawOf } from './raw.ts'

test('a value is found through every shape a framework gives a request', () => {
  const message = { method: 'GET' }
  const key = requestKey<number>()
  key.set({ raw: message }, 7) // a view
  expect(key.get(message)).toBe(7) // node, Express, Nest
  expect(key.get({ raw: message, id: 'req-1' })).toBe(7) // Fastify
  expect(key.get({ req: message, request: {} })).toBe(7) // a Koa context
  expect(key.get({ req: { raw: message } })).toBe(7) // a Hono context
  expect(key.get({})).toBeUndefined()
})

test('keys do not see each other, and nothing is written on the request', () => {
  const message = {}
  requestKey<number>().set(message, 1)
  expect(requestKey<number>().get(message)).toBeUndefined()
  expect(Reflect.ownKeys(message)).toEqual([])
  expect(rawOf(message)).toBe(message)
})

import type { Outcome } from '@shop/middleware'
import { view, type ViewInit } from '@shop/testkit/view'
import { expect, test } from 'vitest'

import { csrfHazards } from './csrf-hazards.ts'
import { csrf } from './csrf.ts'

function warnings(...requests: (ViewInit & { status?: number })[]): string[] {
  const said: string[] = []
  const watch = csrfHazards((message) => said.push(message))
  for (const { status = 200, ...init } of requests) {
    watch({
      request: view(init),
      kind: 'finished',
      status,
      seconds: 0,
      bytes: 0,
      denied: undefined,
      error: undefined,
    } satisfies Outcome)
  }
  return said
}

test('warns of a method override, in a header or in the query', () => {
  expect(warnings({ method: 'POST', url: '/x', headers: { 'x-http-method-override': 'DELETE' } })).toEqual([
    expect.stringContaining('method override'),
  ])
  expect(warnings({ method: 'POST', url: '/x?_method=DELETE' })).toHaveLength(1)
})

test('warns of a GET that created something, or is named as if it changed something', () => {
  expect(warnings({ url: '/orders', status: 201 })).toHaveLength(1)
  expect(warnings({ url: '/cart/add' }, { url: '/items/7/delete' }, { url: '/logout', status: 302 })).toHaveLength(3)
})

test('does not warn of reading, of refusals, or of a word within a word', () => {
  expect(
    warnings(
      { url: '/orders/7' },
      { url: '/address' },
      { url: '/checkout' },
      { url: '/orders/7/edit' },
      { url: '/cart/add', status: 404 },
      { method: 'POST', url: '/cart/add' },
    ),
  ).toEqual([])
})

test('reads the template of a route, not what a visitor put in the place of a parameter', () => {
  expect(warnings({ url: '/products/save-the-date', route: '/products/:slug' })).toEqual([])
  expect(warnings({ url: '/items/7/delete', route: '/items/:id/delete' })).toHaveLength(1)
})

test('warns once a route, and of so many routes', () => {
  expect(
    warnings({ url: '/cart/add/1', route: '/cart/add/:id' }, { url: '/cart/add/2', route: '/cart/add/:id' }),
  ).toHaveLength(1)
  expect(warnings(...Array.from({ length: 50 }, (_, i) => ({ url: `/add/${i}` })))).toHaveLength(20)
})

test('only outside production', () => {
  expect(csrf({ development: true }).settle).toBeTypeOf('function')
  expect(csrf({ development: false }).settle).toBeUndefined()
})

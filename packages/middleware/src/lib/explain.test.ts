import { expect, test } from 'vitest'

import { explain } from './explain.ts'

test('prints the order and what each policy does', () => {
  expect(explain({ name: 'headers', evaluate: () => undefined }, { name: 'metrics', settle: () => undefined })).toBe(
    [' 1. headers  evaluate', ' 2. metrics  settle'].join('\n'),
  )
})

test('warns about order, about two owners of a header, and about limits that differ', () => {
  const text = explain(
    { name: 'csrf', traits: { after: ['origins'] }, evaluate: () => undefined },
    { name: 'origins', traits: { owns: ['vary'] }, bodyLimit: 10, inspect: () => undefined },
    { name: 'headers', traits: { before: ['csrf'], owns: ['vary'] }, evaluate: () => undefined },
    { name: 'validate', bodyLimit: 20, evaluate: () => undefined },
  )
  expect(text.split('\n').slice(4)).toEqual([
    'warning: csrf must stand after origins',
    'warning: headers must stand before csrf',
    'warning: origins and headers both set vary; the later one wins',
    'warning: policies differ in bodyLimit; the smallest counts for all: 10 bytes, by origins',
  ])
})

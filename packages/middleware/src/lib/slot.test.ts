import { expect, test } from 'vitest'

import { slot } from './slot.ts'

test('slots keep a value each, of each object by itself', () => {
  const [first, second] = [slot<number>(), slot<string>()]
  const [one, other] = [{}, {}]
  first.set(one, 1)
  second.set(one, 'a')
  first.set(other, 2)
  first.set(one, 3)
  expect([first.get(one), second.get(one), first.get(other), second.get(other)]).toEqual([3, 'a', 2, undefined])
})

test('nothing shows: no property, no copy, no text', () => {
  const owner = { id: 7 }
  slot<string>().set(owner, 'secret')
  expect(Reflect.ownKeys(owner)).toEqual(['id'])
  expect(JSON.stringify({ ...owner })).toBe('{"id":7}')
  expect(Object.getPrototypeOf(owner)).toBe(Object.prototype)
})

test('what a proxy is given is not its target’s', () => {
  const place = slot<number>()
  const target = {}
  const proxy = new Proxy(target, {})
  place.set(proxy, 1)
  expect([place.get(proxy), place.get(target)]).toEqual([1, undefined])
})

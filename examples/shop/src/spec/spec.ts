import { afterAll, beforeAll, describe } from 'vitest'

import type { Listen } from '../run.ts'
import { attackSpec } from './attacks.ts'
import { badInputSpec } from './bad-input.ts'
import { flowSpec } from './flows.ts'
import { openShop, type OpenShop } from './open-shop.ts'
import { pageSpec } from './pages.ts'

/** What the shop promises, whichever framework serves it: both apps run this same table. */
export function describeShop(name: string, listen: Listen, main: URL): void {
  describe(`the shop on ${name}`, () => {
    let open: OpenShop
    beforeAll(async () => {
      open = await openShop(listen)
    })
    afterAll(() => open[Symbol.asyncDispose]())

    const shop = () => open
    describe('pages', () => {
      pageSpec(shop)
    })
    describe('flows', () => {
      flowSpec(shop)
    })
    describe('attacks', () => {
      attackSpec(shop)
    })
    describe('bad input', () => {
      badInputSpec(name, main, shop)
    })
  })
}

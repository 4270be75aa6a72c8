import fc from 'fast-check'
import { expect, test } from 'vitest'

import { defineMapping, MODEL } from './mapping.ts'

test('without options it is the model', () => {
  const { entities, schema, timeZone, counted } = defineMapping()
  expect({ schema, timeZone, counted }).toEqual({
    schema: 'shop',
    timeZone: 'UTC',
    counted: ['paid', 'shipped', 'delivered'],
  })
  expect(entities.items.table).toBe('order_items')
  expect(entities.products.columns['price']).toBe(MODEL.products.price.name)
})

test('what differs is taken over, and optional columns may be absent', () => {
  const { entities } = defineMapping({ products: { table: 'catalog.items', price: 'amount', rating: false } })
  expect(entities.products.table).toBe('catalog.items')
  expect(entities.products.columns).toMatchObject({ price: 'amount', rating: false, name: 'name' })
})

test.each([
  [{ product: {} }, 'product'],
  [{ products: { cost: 'x' } }, 'cost'],
  [{ products: { price: false } }, 'products.price'],
  [{ products: { table: '' } }, 'products.table'],
  [{ orders: { counted: [] } }, 'orders.counted'],
  [{ orders: { listed: 'status' } }, 'orders.listed'],
  [{ orders: { listed: ['status', 'status'] } }, 'orders.listed'],
  [{ orders: { customer: 'buyer', listed: ['buyer'] } }, 'orders.listed'],
  [{ schema: 'pg_mine' }, 'schema'],
  [{ schema: 'é'.repeat(32) }, 'schema'],
  [{ products: { price: 'x'.repeat(64) } }, 'products.price'],
  [{ timeZone: 'Paris' }, 'timeZone'],
  [{ language: 'klingon' }, 'language'],
])('refuses %j', (options, named) => {
  expect(() => defineMapping(options as never)).toThrow(
    expect.objectContaining({ code: 'ERR_SHOP_PG_MAPPING', message: expect.stringContaining(named) as string }),
  )
})

test('whatever is given, there is a mapping or one coded error', () => {
  fc.assert(
    fc.property(
      fc.object({ key: fc.constantFrom('products', 'orders', 'table', 'id', 'price', 'schema', 'x'), maxDepth: 2 }),
      (options) => {
        try {
          defineMapping(options as never)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_SHOP_PG_MAPPING' })
        }
      },
    ),
  )
})

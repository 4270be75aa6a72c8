// What must not compile. Checked by tsc; each line names the mistake.
import { defineMapping } from './mapping.ts'

// @ts-expect-error there is no such entity
defineMapping({ product: { id: 'sku' } })

// @ts-expect-error a price is not optional
defineMapping({ products: { price: false } })

// @ts-expect-error a column is named, not numbered
defineMapping({ products: { id: 1 } })

// @ts-expect-error not a language that texts are indexed in
defineMapping({ language: 'klingon' })

defineMapping({ products: { rating: false }, orders: { counted: ['captured'], listed: ['status', 'number'] } })

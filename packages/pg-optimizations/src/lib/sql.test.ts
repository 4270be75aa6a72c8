import { database } from '@shop/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { identifier, literal, row } from './sql.ts'

test('any text is one literal and any name one identifier, under either setting of standard_conforming_strings', async () => {
  await using db = await database()
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((s) => !s.includes('\0'))
  for (const setting of ['on', 'off']) {
    await db.client.query(`set standard_conforming_strings = ${setting}; set escape_string_warning = off`)
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        expect(await row(db.client, `select ${literal(value)} as v`)).toEqual({ v: value })
        if (value !== '' && Buffer.byteLength(value) < 64) {
          expect(await row(db.client, `select 1 as ${identifier(value)}`)).toEqual({ [value]: 1 })
        }
      }),
      { numRuns: 50 },
    )
  }
})

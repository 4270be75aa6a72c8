// Lines that must not compile: what a reader could get wrong about the second half of this package.
import { html } from '../encode.ts'
import { memoryStore } from '../index.ts'
import { inspect } from '../inspect.ts'
import { postgresScores } from '../postgres.ts'
import { redisScores } from '../redis.ts'
import { htmlSanitizer, sanitizeInput } from '../sanitize.ts'
import { sql } from '../sinks.ts'

// @ts-expect-error there is no mode of this name
inspect({ mode: 'block' })
// @ts-expect-error a mode by path is one of three too
inspect({ mode: { '/admin/*': 'deny' } })
// @ts-expect-error a kind of field is one of the list
inspect({ fields: { price: 'money' } })
// @ts-expect-error a duration has a unit
inspect({ jailFor: 'long' })
// @ts-expect-error a store must be able to forgive
inspect({ store: { add: () => ({ score: 0, at: 0, jailedUntil: 0 }), read: () => undefined } })
// @ts-expect-error a store fails open, closed or local
inspect({ whenStoreFails: 'ignore' })
// @ts-expect-error scores in PostgreSQL need a pool
postgresScores({})
// @ts-expect-error a pool can run a statement
postgresScores({ pool: { end: () => Promise.resolve() } })
// @ts-expect-error a Redis client can run a script
redisScores({ redis: { get: () => Promise.resolve(null) } })
// @ts-expect-error a claim store keeps no scores
inspect({ store: memoryStore() })
// @ts-expect-error a preset is review or article
htmlSanitizer({ allow: 'everything' })
// @ts-expect-error what was removed is not the text itself
const text: string = htmlSanitizer().sanitize('<b>')
// @ts-expect-error the allow-list is an option of html
sanitizeInput({ allow: 'review' })
// @ts-expect-error an object is no value of a statement
const statement: string = sql`select ${{ id: 1 }}`
// @ts-expect-error html gives SafeHtml, which is no string by accident
const page: string = html`<p></p>`

export { page, statement, text }

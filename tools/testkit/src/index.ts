import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject, type TestContext } from 'vitest'
import type { Found } from '../../../scripts/lib/components.mjs'

declare module 'vitest' {
  interface ProvidedContext {
    pg: string
    components: Record<string, Found>
  }
}

/** Skip this test, with a note the reporter counts, unless the component is there. */
export function needs(ctx: TestContext, name: string): Found {
  const c = inject('components')[name]
  if (!c) throw new Error(`no component ${name}`)
  if (!c.ok) ctx.skip(`needs:${name}`)
  return c
}

/** A database of this test file's own in the run's one PostgreSQL. */
export async function database(): Promise<{ url: string; client: pg.Client; drop: () => Promise<void> }> {
  const name = `t_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client(inject('pg'))
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = inject('pg').replace(/\/postgres$/, `/${name}`)
  const client = new pg.Client(url)
  await client.connect()
  return {
    url,
    client,
    drop: async () => {
      await client.end()
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'

import type { TestProject } from 'vitest/node'

import type {} from './index.ts'
import { components, find } from './lib/components.ts'
import { type Postgres, startPostgres } from './postgres.ts'

/**
 * One PostgreSQL for the whole run, started when the first test file asks for a database: a run that
 * needs none pays nothing. With `CI` set, a missing component ends the run before its first test.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const missing = Object.keys(components).flatMap((name) => {
    const found = find(name)
    return found.ok ? [] : [`${name} (${found.missing}): ${found.install}`]
  })
  if (process.env.CI && missing.length > 0)
    throw new Error(`CI is set, and these components are missing:\n  ${missing.join('\n  ')}`)

  let server: Promise<Postgres> | undefined
  const settings = { shared_preload_libraries: 'pg_stat_statements', max_connections: 200 }
  const desk = createServer((_request, response) => {
    server ??= startPostgres({ settings })
    server.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  }).listen(0, '127.0.0.1')
  await once(desk, 'listening')
  project.provide('postgresDesk', `http://127.0.0.1:${(desk.address() as AddressInfo).port}/`)
  return async () => {
    desk.close()
    await (await server?.catch(() => undefined))?.stop()
  }
}

import './index.ts'
import type { TestProject } from 'vitest/node'
import { find, spec } from '../../../scripts/lib/components.mjs'
import { startPostgres } from './postgres.mjs'

/** One PostgreSQL for the whole run; every test file makes its own database in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const components = Object.fromEntries(Object.keys(spec).map((n) => [n, find(n)]))
  const missing = Object.entries(components)
    .filter(([, c]) => !c.ok)
    .map(([n]) => n)
  const required = (process.env.SHOP_REQUIRE ?? '').split(',').filter(Boolean)
  const lacking = required.includes('all') ? missing : missing.filter((n) => required.includes(n))
  if (lacking.length > 0)
    throw new Error(
      `SHOP_REQUIRE=${process.env.SHOP_REQUIRE}, and these are missing: ${lacking.map((n) => `${n} (${components[n]!.missing})`).join('; ')}`,
    )
  const own = process.env.SHOP_TEST_PG_URL
  const server = own
    ? null
    : await startPostgres({ settings: { shared_preload_libraries: 'pg_stat_statements', max_connections: 200 } })
  project.provide('pg', own ?? server?.url ?? '')
  project.provide('components', components)
  return async () => {
    await server?.stop()
  }
}

import { createHash } from 'node:crypto'

import type { Asset, Step } from './asset.ts'
import { PgOptimizationsError } from './errors.ts'
import type { Bookkept } from './state.ts'

/** The name under which the plan, the tags and `--asset` know indexes that were advised. */
export const ADVICE = 'advice'

/**
 * Advised indexes as an asset like the others. The package cannot render their SQL again, so the notes keep it: a later run
 * finishes one that was interrupted, and every later plan knows it.
 */
export function adviceAsset(advised: readonly string[], notes: ReadonlyMap<string, Bookkept>, own: string): Asset {
  const kept = [...notes].flatMap(([key, { cursor }]) =>
    key.startsWith(`${ADVICE}/`) && cursor !== null ? [cursor] : [],
  )
  return {
    name: ADVICE,
    about: 'Indexes that the planner wanted for the workload, as advised.',
    steps: [...new Set([...kept, ...advised])].map((sql) => toStep(sql, own)),
  }
}

/** @throws PgOptimizationsError `ERR_SHOP_PG_OPTION` */
function toStep(sql: string, own: string): Step {
  const [, name, schema] = /^create index concurrently (shop_\w+) on "((?:[^"]|"")+)"\."/.exec(sql) ?? []
  if (name === undefined || schema === undefined)
    throw new PgOptimizationsError('ERR_SHOP_PG_OPTION', 'advised: expected the SQL of indexes as advise() gives it')
  return {
    asset: ADVICE,
    mode: 'concurrent',
    kind: 'index',
    name,
    schema: schema.replaceAll('""', '"'),
    own,
    onTable: undefined,
    sql,
    hash: createHash('sha256').update(sql).digest('hex').slice(0, 12),
  }
}

import { cliError, keysetOption, numberOf, required } from './cli-options.ts'
import type { CliValues, CliWorld } from './cli-options.ts'
import { ProgressBar } from './progress-bar.ts'
import type { Queryable } from './queryable.ts'
import { migrateLegacy, reencrypt } from './reencrypt.ts'
import { contextTableOf } from './rewrite.ts'
import type { RewriteReport } from './rewrite.ts'
import { createVault } from './vault.ts'

/** `shop-crypto reencrypt|migrate-legacy --table T --column C --key K`. Exit code 1 when rows were left. */
export async function columnCommand(
  action: 'reencrypt' | 'migrate-legacy',
  values: CliValues,
  world: CliWorld,
): Promise<number> {
  const url = (values['database'] as string | undefined) ?? world.env['DATABASE_URL']
  if (url === undefined) throw cliError('--database or DATABASE_URL is required')
  const progress = new ProgressBar(action, 'rows', world.stderr)
  const dryRun = values['dry-run'] === true
  const options = {
    table: required(values, 'table'),
    column: required(values, 'column'),
    key: required(values, 'key').split(','),
    tenant: values['tenant'] as string | undefined,
    contextTable: values['context-table'] as string | undefined,
    batch: numberOf(values, 'batch'),
    maxLockWaits: numberOf(values, 'max-lock-waits'),
    maxLagSeconds: numberOf(values, 'max-lag'),
    dryRun,
    signal: world.signal,
    onProgress: ({ done, failed, total }: { done: number; failed: number; total: number }) =>
      progress.show(done, total, failed > 0 ? `${failed} failed` : ''),
  }
  const from = action === 'migrate-legacy' ? required(values, 'from') : undefined
  const keyset = await keysetOption(values, world)
  const deterministic = values['deterministic'] === true ? [`${contextTableOf(options)}.${options.column}`] : []
  const pool = await connect(url)
  try {
    const report =
      from === undefined
        ? await reencrypt({ ...options, client: pool, vault: createVault({ keyset, deterministic }) })
        : await migrateLegacy({
            ...options,
            client: pool,
            from: from as 'plaintext',
            vault: createVault({
              keyset,
              deterministic,
              ...(from === 'iv:ciphertext' && { legacy: { key: legacyKey(values, world), until: '9999-12-31' } }),
            }),
          })
    progress.end()
    world.stdout.write(describe(report, dryRun))
    return (dryRun ? report.failed : report.left) === 0 ? 0 : 1
  } finally {
    progress.end()
    await pool.end()
  }
}

function legacyKey(values: CliValues, { env }: CliWorld): string {
  const name = (values['legacy-key-env'] as string | undefined) ?? 'LEGACY_ENCRYPTION_KEY'
  const key = env[name]
  if (key === undefined)
    throw cliError(`the environment variable ${name} must hold the old key (another one: --legacy-key-env)`)
  return key
}

interface Pool extends Queryable {
  end(): Promise<void>
}

/** `pg` is an optional peer: only these two commands need it. */
async function connect(connectionString: string): Promise<Pool> {
  const pg = await import('pg').catch(() => {
    throw cliError("reencrypt and migrate-legacy need the package 'pg'")
  })
  return new pg.default.Pool({ connectionString, max: 3, application_name: 'shop-crypto' })
}

function describe(report: RewriteReport, dryRun: boolean): string {
  const { done, failed, failedKeys, conflicts, left, seconds } = report
  const lines = [
    `${done} rows ${dryRun ? 'would be rewritten' : 'rewritten'} in ${seconds.toFixed(1)} s (${Math.round(done / Math.max(seconds, 0.001))} rows/s)`,
    ...(conflicts > 0 ? [`${conflicts} times a row was left to somebody else who wrote or held it`] : []),
    ...(failed > 0 ? [`${failed} rows failed and stay as they are; first keys: ${failedKeys.join('; ')}`] : []),
    ...(dryRun ? [] : [`${left} rows left`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

import { type Alert, type Input, series, slowerThan, TARGET } from '../alert.ts'
import { DB_BUCKETS } from '../../src/lib/db-metrics.ts'

const { job, instance } = TARGET
const labels = { job, instance }
const COUNT = 'db_client_operation_duration_seconds_count'
const BUCKET = 'db_client_operation_duration_seconds_bucket'

const operations = (operation: string, values: string, error = ''): Input =>
  series(COUNT, { db_operation_name: operation, ...(error && { error_type: error }) }, values)
const waits = (short: number, all: number): readonly Input[] => {
  const pool = { db_client_connection_pool_name: 'main' }
  return [
    one('db_client_connection_wait_time_seconds_bucket', `0+${short}x20`, { ...pool, le: '0.1' }),
    one('db_client_connection_wait_time_seconds_bucket', `0+${all}x20`, { ...pool, le: '0.5' }),
    one('db_client_connection_wait_time_seconds_bucket', `0+${all}x20`, { ...pool, le: '+Inf' }),
    one('db_client_connection_wait_time_seconds_count', `0+${all}x20`, pool),
  ]
}
const one = (name: string, values: string, more: Record<string, string> = {}): Input => series(name, more, values)

/** The database as its clients see it, and as its own statistics do. */
export const databases: readonly Alert[] = [
  {
    name: 'ShopDatabaseDown',
    expr: 'postgresql_up == 0',
    for: '1m',
    severity: 'critical',
    team: 'database',
    summary: 'PostgreSQL does not answer {{ $labels.instance }}',
    action:
      'See whether the server runs and takes connections from this host; the read-only pages may still work from cache.',
    fires: { series: [one('postgresql_up', '1x5 0x20')], labels },
    quiet: { series: [one('postgresql_up', '1x10 0x1 1x20')] },
  },
  {
    name: 'ShopDatabaseConnectionsFail',
    expr: 'sum by (job, error_type) (increase(db_client_connection_errors_total[5m])) > 3',
    for: '1m',
    severity: 'critical',
    team: 'database',
    summary: 'Connections to the database fail with {{ $labels.error_type }}',
    action:
      'ECONNREFUSED: the server is down. 53300: too many connections. 28P01: the password was changed. ETIMEDOUT: the network.',
    fires: {
      series: [one('db_client_connection_errors_total', '0+5x20', { error_type: 'ECONNREFUSED' })],
      labels: { job, error_type: 'ECONNREFUSED' },
    },
    quiet: { series: [one('db_client_connection_errors_total', '9x20', { error_type: 'ECONNREFUSED' })] },
  },
  {
    name: 'ShopDatabasePoolExhausted',
    expr: 'db_client_connection_pending_requests > 5',
    for: '2m',
    severity: 'critical',
    team: 'database',
    summary: 'Requests wait for a connection of pool {{ $labels.db_client_connection_pool_name }}',
    action: 'Connections are held too long (look for long transactions) or the pool is too small for the traffic.',
    fires: {
      series: [one('db_client_connection_pending_requests', '20x20', { db_client_connection_pool_name: 'main' })],
      labels: { ...labels, db_client_connection_pool_name: 'main' },
    },
    quiet: {
      series: [one('db_client_connection_pending_requests', '20x1 0x20', { db_client_connection_pool_name: 'main' })],
    },
  },
  {
    name: 'ShopDatabasePoolNearlyUsed',
    expr: 'db_client_connection_count{db_client_connection_state="used"} / on (job, instance, db_client_connection_pool_name) group_left () db_client_connection_max > 0.8',
    for: '10m',
    severity: 'warning',
    team: 'database',
    summary: 'Pool {{ $labels.db_client_connection_pool_name }} has 80 % of its connections in use',
    action: 'The next peak will wait. See which operations take long before making the pool larger.',
    fires: {
      series: [
        one('db_client_connection_count', '9x30', {
          db_client_connection_pool_name: 'main',
          db_client_connection_state: 'used',
        }),
        one('db_client_connection_max', '10x30', { db_client_connection_pool_name: 'main' }),
      ],
      at: '15m',
      labels: { ...labels, db_client_connection_pool_name: 'main', db_client_connection_state: 'used' },
    },
    quiet: {
      series: [
        one('db_client_connection_count', '3x30', {
          db_client_connection_pool_name: 'main',
          db_client_connection_state: 'used',
        }),
        one('db_client_connection_max', '10x30', { db_client_connection_pool_name: 'main' }),
      ],
      at: '15m',
    },
  },
  {
    name: 'ShopDatabaseConnectionWait',
    // of a handful of waits the slowest is all there is to see, so a pool that is hardly asked is left alone
    expr: 'histogram_quantile(0.95, sum by (job, db_client_connection_pool_name, le) (rate(db_client_connection_wait_time_seconds_bucket[5m]))) > 0.1 and sum by (job, db_client_connection_pool_name) (increase(db_client_connection_wait_time_seconds_count[5m])) > 50',
    severity: 'warning',
    team: 'database',
    summary: 'Getting a connection of pool {{ $labels.db_client_connection_pool_name }} takes over 0.1 s',
    action: 'Look at how many connections are used and how long operations take.',
    fires: { series: waits(20, 200), labels: { job, db_client_connection_pool_name: 'main' } },
    // one wait a minute, each of them long
    quiet: { series: waits(0, 1) },
  },
  {
    name: 'ShopDatabaseSlow',
    expr: `histogram_quantile(0.95, sum by (job, db_operation_name, le) (rate(${BUCKET}[10m]))) > 0.5 and sum by (job, db_operation_name) (increase(${COUNT}[10m])) > 50`,
    severity: 'warning',
    team: 'database',
    summary: 'One in twenty {{ $labels.db_operation_name }} takes over half a second',
    action: 'Look at pg_stat_statements for what got slower, then at locks and at the disk.',
    exemplars: slowerThan(0.5, 'db_client_operation_duration_seconds', DB_BUCKETS),
    fires: {
      series: [
        operations('SELECT', '0+50x30'),
        one(BUCKET, '0+10x30', { db_operation_name: 'SELECT', le: '0.5' }),
        one(BUCKET, '0+50x30', { db_operation_name: 'SELECT', le: '1.0' }),
        one(BUCKET, '0+50x30', { db_operation_name: 'SELECT', le: '+Inf' }),
      ],
      labels: { job, db_operation_name: 'SELECT' },
    },
    quiet: {
      series: [
        operations('SELECT', '0+50x30'),
        one(BUCKET, '0+50x30', { db_operation_name: 'SELECT', le: '0.5' }),
        one(BUCKET, '0+50x30', { db_operation_name: 'SELECT', le: '+Inf' }),
      ],
    },
  },
  {
    name: 'ShopDatabaseErrors',
    expr: `sum by (job) (rate(${COUNT}{error_type!="",error_type!~"40P01|40001|57014|23505"}[5m])) / sum by (job) (rate(${COUNT}[5m])) > 0.01 and sum by (job) (increase(${COUNT}{error_type!="",error_type!~"40P01|40001|57014|23505"}[5m])) > 10`,
    severity: 'warning',
    team: 'database',
    summary: 'One in a hundred statements fails',
    action:
      'Group by error_type: 42 is a mistake in the code or a migration that did not run, 53 the server has no room, 08 and 57 the connection was lost.',
    exemplars: `${BUCKET}{error_type!="",error_type!~"40P01|40001|57014|23505"}`,
    fires: { series: [operations('SELECT', '0+100x20'), operations('SELECT', '0+10x20', '42P01')], labels: { job } },
    quiet: { series: [operations('SELECT', '0+10000x20'), operations('SELECT', '0+10x20', '42P01')] },
  },
  {
    name: 'ShopDatabaseDeadlocks',
    expr: `sum by (job) (increase(${COUNT}{error_type="40P01"}[15m])) > 3`,
    severity: 'warning',
    team: 'database',
    summary: 'Transactions end in deadlocks',
    action: 'Two places lock the same rows in different order: the server log names both statements.',
    exemplars: `${BUCKET}{error_type="40P01"}`,
    fires: { series: [operations('UPDATE', '0+1x30', '40P01')], at: '25m', labels: { job } },
    quiet: { series: [operations('UPDATE', '2x30', '40P01')], at: '25m' },
  },
  {
    name: 'ShopDatabaseSerializationFailures',
    expr: `sum by (job) (rate(${COUNT}{error_type="40001"}[5m])) > 1`,
    severity: 'warning',
    team: 'database',
    summary: 'More than one transaction a second cannot be serialised',
    action:
      'Retries hide it from customers and make the load grow: find the row they all want, shorten the transaction.',
    exemplars: `${BUCKET}{error_type="40001"}`,
    fires: { series: [operations('COMMIT', '0+120x20', '40001')], labels: { job } },
    quiet: { series: [operations('COMMIT', '0+12x20', '40001')] },
  },
  {
    name: 'ShopDatabaseStatementTimeouts',
    expr: `sum by (job) (increase(${COUNT}{error_type="57014"}[10m])) > 5`,
    severity: 'warning',
    team: 'database',
    summary: 'Statements are cancelled because they take too long',
    action: 'See which ones in the server log; look for a missing index or a plan that changed after an analyse.',
    exemplars: `${BUCKET}{error_type="57014"}`,
    fires: { series: [operations('SELECT', '0+2x20', '57014')], labels: { job } },
    quiet: { series: [operations('SELECT', '9x20', '57014')] },
  },
  {
    name: 'ShopPostgresConnectionsNearlyUsed',
    expr: 'sum by (job, instance) (postgresql_backends) / sum by (job, instance) (postgresql_connection_max) > 0.85',
    severity: 'critical',
    team: 'database',
    summary: 'PostgreSQL has 85 % of its connections taken',
    action: 'At the limit nobody can connect, you neither. End idle sessions, lower the pools, think of a pooler.',
    fires: {
      series: [one('postgresql_backends', '95x20', { state: 'idle' }), one('postgresql_connection_max', '100x20')],
      labels,
    },
    quiet: {
      series: [one('postgresql_backends', '40x20', { state: 'idle' }), one('postgresql_connection_max', '100x20')],
    },
  },
  {
    name: 'ShopPostgresLongTransaction',
    expr: 'postgresql_longest_transaction_seconds > 300',
    for: '1m',
    severity: 'warning',
    team: 'database',
    summary: 'A transaction has been open for over five minutes',
    action:
      'It holds locks and keeps vacuum from working: find it in pg_stat_activity by xact_start; end it if nobody needs it.',
    fires: { series: [one('postgresql_longest_transaction_seconds', '0+60x20')], labels },
    quiet: { series: [one('postgresql_longest_transaction_seconds', '20x20')] },
  },
  {
    name: 'ShopPostgresIdleInTransaction',
    expr: 'postgresql_idle_in_transaction_seconds > 60 and postgresql_longest_transaction_seconds <= 300',
    for: '1m',
    severity: 'warning',
    team: 'database',
    summary: 'A client left its transaction open and does nothing',
    action:
      'A code path without commit or rollback, or one that waits for a third party inside a transaction. Set idle_in_transaction_session_timeout.',
    fires: {
      series: [
        one('postgresql_idle_in_transaction_seconds', '0+30x8'),
        one('postgresql_longest_transaction_seconds', '0+30x8'),
      ],
      at: '5m',
      labels,
    },
    quiet: {
      series: [
        one('postgresql_idle_in_transaction_seconds', '1x20'),
        one('postgresql_longest_transaction_seconds', '1x20'),
      ],
    },
  },
  {
    name: 'ShopPostgresCacheCold',
    expr: 'rate(postgresql_blocks_hit_total[15m]) / (rate(postgresql_blocks_hit_total[15m]) + rate(postgresql_blocks_read_total[15m])) < 0.9 and rate(postgresql_blocks_read_total[15m]) > 100',
    for: '15m',
    severity: 'warning',
    team: 'database',
    summary: 'One block in ten is read from disk',
    action:
      'The data in use no longer fits shared_buffers, or a statement scans a whole table: look for sequential scans.',
    fires: {
      series: [one('postgresql_blocks_hit_total', '0+6000x60'), one('postgresql_blocks_read_total', '0+9000x60')],
      at: '50m',
      labels,
    },
    quiet: {
      series: [one('postgresql_blocks_hit_total', '0+600000x60'), one('postgresql_blocks_read_total', '0+9000x60')],
      at: '50m',
    },
  },
  {
    name: 'ShopPostgresDeadRows',
    expr: 'postgresql_dead_rows / (postgresql_live_rows + 1) > 0.3 and postgresql_dead_rows > 100000',
    for: '30m',
    severity: 'warning',
    team: 'database',
    summary: 'Vacuum does not keep up: a third of all rows is dead',
    action:
      'Look for a long transaction or a replication slot that holds vacuum back; then at autovacuum settings of the largest table.',
    fires: {
      series: [one('postgresql_dead_rows', '5e5x60'), one('postgresql_live_rows', '1e6x60')],
      at: '50m',
      labels,
    },
    quiet: { series: [one('postgresql_dead_rows', '5e4x60'), one('postgresql_live_rows', '1e3x60')], at: '50m' },
  },
  {
    name: 'ShopPostgresWraparoundNear',
    expr: 'postgresql_xid_age > 1.2e9',
    severity: 'critical',
    team: 'database',
    summary: 'Transaction ids run out: the server will stop taking writes',
    action: 'Vacuum the oldest tables now (VACUUM FREEZE, by age(relfrozenxid)); end what holds it back.',
    fires: { series: [one('postgresql_xid_age', '1.5e9x20')], labels },
    quiet: { series: [one('postgresql_xid_age', '2e8x20')] },
  },
  {
    name: 'ShopPostgresReplicaBehind',
    expr: 'postgresql_replication_lag_seconds > 30',
    severity: 'warning',
    team: 'database',
    summary: 'The slowest replica is over 30 s behind',
    action: 'Customers who read from it see old orders. Look at its disk and network, and for a long query on it.',
    fires: { series: [one('postgresql_replication_lag_seconds', '90x20')], labels },
    quiet: { series: [one('postgresql_replication_lag_seconds', '1x20')] },
  },
  {
    name: 'ShopPostgresLocksWait',
    expr: 'postgresql_waiting_locks > 5',
    for: '2m',
    severity: 'warning',
    team: 'database',
    summary: 'More than five statements wait for locks',
    action: 'pg_blocking_pids() shows who holds them; a migration without lock_timeout is the usual one.',
    fires: { series: [one('postgresql_waiting_locks', '9x20')], labels },
    quiet: { series: [one('postgresql_waiting_locks', '9x1 0x20')] },
  },
  {
    name: 'ShopPostgresRollbacks',
    expr: 'rate(postgresql_rollbacks_total[10m]) / (rate(postgresql_commits_total[10m]) + rate(postgresql_rollbacks_total[10m])) > 0.2 and rate(postgresql_rollbacks_total[10m]) > 0.5',
    for: '10m',
    severity: 'warning',
    team: 'database',
    summary: 'One in five transactions is rolled back',
    action: 'Work is done and thrown away: look at errors by SQLSTATE and at what retries.',
    fires: {
      series: [one('postgresql_rollbacks_total', '0+60x40'), one('postgresql_commits_total', '0+60x40')],
      at: '30m',
      labels,
    },
    quiet: {
      series: [one('postgresql_rollbacks_total', '0+60x40'), one('postgresql_commits_total', '0+6000x40')],
      at: '30m',
    },
  },
  {
    name: 'ShopPostgresSpillsToDisk',
    expr: 'rate(postgresql_temp_bytes_total[10m]) > 10e6',
    for: '10m',
    severity: 'warning',
    team: 'database',
    summary: 'Statements write over 10 MB a second to temporary files',
    action: 'A sort or hash does not fit work_mem: find it with log_temp_files, give it an index before more memory.',
    fires: { series: [one('postgresql_temp_bytes_total', '0+12e8x40')], at: '30m', labels },
    quiet: { series: [one('postgresql_temp_bytes_total', '0+6e6x40')], at: '30m' },
  },
]

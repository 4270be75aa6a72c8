import type { DashboardSpec } from './dashboard.ts'
import { now, orZero, quantile, rate } from './panel.ts'

const NAME = 'db_client_operation_duration_seconds'

export const postgres: DashboardSpec = {
  uid: 'shop-postgres',
  title: 'Shop / PostgreSQL',
  about: 'The database as the shop sees it, and as its own statistics do.',
  rows: {
    Clients: [
      {
        title: 'Statements',
        about: 'Statements a second, by operation.',
        unit: 'ops',
        queries: [[`sum by (db_operation_name) (${rate(`${NAME}_count`)})`, '{{db_operation_name}}']],
      },
      {
        title: 'Duration',
        about: 'Percentiles of a statement, as the client sees it.',
        unit: 's',
        queries: [
          [quantile(0.5, NAME), '50 %'],
          [quantile(0.95, NAME), '95 %'],
          [quantile(0.99, NAME), '99 %'],
        ],
      },
      {
        title: 'Slowest operations',
        about: '95th percentile by operation.',
        unit: 's',
        queries: [[quantile(0.95, NAME, 'db_operation_name'), '{{db_operation_name}}']],
      },
      {
        title: 'Errors by SQLSTATE',
        about: 'Statements and connections that failed, a second.',
        unit: 'ops',
        queries: [
          [orZero(`sum by (error_type) (${rate(`${NAME}_count`, 'error_type!=""')})`), '{{error_type}}'],
          [orZero(`sum by (error_type) (${rate('db_client_connection_errors_total')})`), 'connect {{error_type}}'],
        ],
      },
      {
        title: 'Pool',
        about: 'Connections by state, and those who wait for one.',
        unit: 'short',
        queries: [
          [
            `sum by (db_client_connection_state) (${now('db_client_connection_count')})`,
            '{{db_client_connection_state}}',
          ],
          [`sum(${now('db_client_connection_pending_requests')})`, 'waiting'],
          [`sum(${now('db_client_connection_max')})`, 'max'],
        ],
      },
      {
        title: 'Wait for a connection',
        about: '95th percentile of getting a connection from the pool.',
        unit: 's',
        queries: [
          [
            quantile(0.95, 'db_client_connection_wait_time_seconds', 'db_client_connection_pool_name'),
            '{{db_client_connection_pool_name}}',
          ],
        ],
      },
    ],
    Server: [
      {
        title: 'Up',
        about: '1 while the server answers.',
        unit: 'short',
        stat: true,
        queries: [[`min(${now('postgresql_up')})`, '']],
      },
      {
        title: 'Size',
        about: 'Size of the database on disk.',
        unit: 'bytes',
        stat: true,
        queries: [[`max(${now('postgresql_db_size_bytes')})`, '']],
      },
      {
        title: 'Transaction ids used',
        about: 'Share of the two billion after which the server stops.',
        unit: 'percentunit',
        stat: true,
        queries: [[`max(${now('postgresql_xid_age')}) / 2^31`, '']],
      },
      {
        title: 'Replica behind',
        about: 'How far the slowest replica is behind.',
        unit: 's',
        stat: true,
        queries: [[`max(${now('postgresql_replication_lag_seconds')})`, '']],
      },
      {
        title: 'Connections',
        about: 'Connections of the server by state.',
        unit: 'short',
        queries: [
          [`max by (state) (${now('postgresql_backends')})`, '{{state}}'],
          [`max(${now('postgresql_connection_max')})`, 'max'],
        ],
      },
      {
        title: 'Transactions',
        about: 'Commits and rollbacks a second.',
        unit: 'ops',
        queries: [
          [`max(${rate('postgresql_commits_total')})`, 'commits'],
          [`max(${rate('postgresql_rollbacks_total')})`, 'rollbacks'],
        ],
      },
      {
        title: 'Blocks',
        about: 'Blocks a second, from the cache and from disk.',
        unit: 'ops',
        queries: [
          [`max(${rate('postgresql_blocks_hit_total')})`, 'cache'],
          [`max(${rate('postgresql_blocks_read_total')})`, 'disk'],
        ],
      },
      {
        title: 'Longest transaction',
        about: 'Age of the oldest transaction, and of the longest idle one.',
        unit: 's',
        queries: [
          [`max(${now('postgresql_longest_transaction_seconds')})`, 'oldest'],
          [`max(${now('postgresql_idle_in_transaction_seconds')})`, 'idle'],
        ],
      },
      {
        title: 'Locks and deadlocks',
        about: 'Lock requests that wait, and deadlocks a second.',
        unit: 'short',
        queries: [
          [`max(${now('postgresql_waiting_locks')})`, 'waiting'],
          [`max(${rate('postgresql_deadlocks_total')})`, 'deadlocks'],
        ],
      },
      {
        title: 'Rows',
        about: 'Live rows, and dead ones that wait for vacuum.',
        unit: 'short',
        queries: [
          [`max(${now('postgresql_live_rows')})`, 'live'],
          [`max(${now('postgresql_dead_rows')})`, 'dead'],
        ],
      },
    ],
  },
}

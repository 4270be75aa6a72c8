import { type Row, row } from './verdict.ts'

/** PostgreSQL SQLSTATE codes (PostgreSQL documentation, appendix A). A SQLSTATE that is not listed is the statement's own fault. */
export const SQLSTATE: Readonly<Record<string, Row>> = {
  '40001': row('always', 'serialization failure: rolled back, run the whole transaction again', { fault: false }),
  '40P01': row('always', 'deadlock: rolled back, run the whole transaction again', { fault: false }),
  '55P03': row('always', 'a lock was not available', { fault: false }),
  '53300': row('always', 'too many connections', { overload: true }),
  '57P01': row('always', 'the server is shutting down: rolled back'),
  '57P02': row('always', 'another backend crashed: rolled back'),
  '57P03': row('always', 'the server is starting up or recovering', { overload: true }),
  '08000': row('idempotent', 'the connection failed: the statement may have been executed'),
  '08001': row('always', 'the connection could not be made'),
  '08003': row('always', 'there was no connection'),
  '08004': row('always', 'the server rejected the connection'),
  '08006': row('idempotent', 'the connection failed: the statement may have been executed'),
  '08007': row('unknown', 'the connection was lost during COMMIT'),
  '57014': row('never', 'cancelled by the user or by statement_timeout'),
}

const STATEMENT = row('never', 'the statement itself is refused', { fault: false })

/** The row of an error that PostgreSQL sent (it has a five-character code and a severity) or a driver made in its manner. */
export function sqlstateRow(error: { code?: unknown; severity?: unknown }): [string, Row] | undefined {
  const { code } = error
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return undefined
  if (Object.hasOwn(SQLSTATE, code)) return [code, SQLSTATE[code]!]
  return typeof error.severity === 'string' ? [code, STATEMENT] : undefined
}

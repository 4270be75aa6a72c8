import { type Row, row } from './verdict.ts'

/** HTTP status codes (RFC 9110, RFC 6585, RFC 8470). A 4xx that is not listed is the request's own fault; a 5xx that is not listed is final. */
export const HTTP_STATUS: Readonly<Record<number, Row>> = {
  408: row('always', 'the server gave up waiting for the request'),
  425: row('always', 'too early: refused before processing'),
  429: row('always', 'rate limited: refused before processing', { overload: true }),
  500: row('idempotent', 'failed somewhere inside: may have been processed'),
  501: row('never', 'not implemented, and will not be by the next attempt'),
  502: row('always', 'the gateway had no valid answer from its upstream'),
  503: row('always', 'unavailable: refused before processing', { overload: true }),
  504: row('always', 'the gateway stopped waiting for its upstream'),
}

const CLIENT = row('never', 'the request itself is refused', { fault: false })
const SERVER = row('never', 'a server error that does not pass by itself')

/** The row of a status; undefined below 400, where nothing failed. */
export function statusRow(status: number): Row | undefined {
  if (status < 400 || status > 599) return undefined
  return HTTP_STATUS[status] ?? (status < 500 ? CLIENT : SERVER)
}

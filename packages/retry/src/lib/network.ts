import { type Row, row } from './verdict.ts'

const NOT_SENT = row('always', 'the connection was never made: nothing was sent')
const MAYBE = row('idempotent', 'the connection broke after sending: may have been processed')
const TIMED_OUT = row('idempotent', 'no answer in time: may have been processed')
const IDENTITY = row('never', 'the peer is not who it should be')

/** Error codes of Node (`errno` names) and undici, split by whether the request can have arrived. */
export const NETWORK: Readonly<Record<string, Row>> = {
  EADDRNOTAVAIL: NOT_SENT,
  EAI_AGAIN: NOT_SENT,
  ECONNREFUSED: NOT_SENT,
  EHOSTDOWN: NOT_SENT,
  EHOSTUNREACH: NOT_SENT,
  ENETDOWN: NOT_SENT,
  ENETUNREACH: NOT_SENT,
  ENOTFOUND: NOT_SENT,
  UND_ERR_CONNECT_TIMEOUT: NOT_SENT,
  ECONNABORTED: MAYBE,
  ECONNRESET: MAYBE,
  EPIPE: MAYBE,
  ERR_HTTP2_STREAM_CANCEL: MAYBE,
  ERR_STREAM_PREMATURE_CLOSE: MAYBE,
  UND_ERR_SOCKET: MAYBE,
  ESOCKETTIMEDOUT: TIMED_OUT,
  ETIMEDOUT: TIMED_OUT,
  TimeoutError: TIMED_OUT,
  UND_ERR_BODY_TIMEOUT: TIMED_OUT,
  UND_ERR_HEADERS_TIMEOUT: TIMED_OUT,
  CERT_HAS_EXPIRED: IDENTITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: IDENTITY,
  ERR_TLS_CERT_ALTNAME_INVALID: IDENTITY,
  SELF_SIGNED_CERT_IN_CHAIN: IDENTITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: IDENTITY,
  ABORT_ERR: row('never', 'the caller gave up', { fault: false }),
  AbortError: row('never', 'the caller gave up', { fault: false }),
  UND_ERR_ABORTED: row('never', 'the caller gave up', { fault: false }),
  UND_ERR_INVALID_ARG: row('never', 'the request cannot be sent as it is', { fault: false }),
}

/** The row of a network error; one that failed while connecting was never sent, whatever its code. */
export function networkRow(error: { code?: unknown; name?: unknown; syscall?: unknown }): [string, Row] | undefined {
  for (const key of [error.code, error.name]) {
    if (typeof key !== 'string' || !Object.hasOwn(NETWORK, key)) continue
    const found = NETWORK[key]!
    return [key, error.syscall === 'connect' && found.retry === 'idempotent' ? NOT_SENT : found]
  }
  return undefined
}

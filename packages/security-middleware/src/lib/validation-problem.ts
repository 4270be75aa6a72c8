import type { Denial } from '@shop/middleware'

import type { StandardIssue } from './standard-schema.ts'

/** Which part of a request an issue is about. */
export type RequestPart = 'body' | 'query' | 'params' | 'headers'

/** One entry of the `errors` member of a validation problem. */
export interface ValidationIssue {
  /** A JSON Pointer (RFC 6901) into the part: `/items/0/sku`; empty for the whole of it. */
  readonly path: string
  readonly in: RequestPart
  readonly message: string
}

const most = 20

/** A 422 with what is wrong where; at most 20 entries, and no value that the client sent. */
export function invalid(part: RequestPart, issues: readonly StandardIssue[]): Denial {
  return {
    status: 422,
    code: 'validation',
    title: 'This request is not valid',
    detail: `${issues.length} ${issues.length === 1 ? 'issue' : 'issues'} in the ${part}.`,
    members: { errors: issues.slice(0, most).map((issue) => toIssue(part, issue)) },
  }
}

function toIssue(part: RequestPart, { path = [], message }: StandardIssue): ValidationIssue {
  const segments = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment))
  return {
    path: printable(segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')),
    in: part,
    message: printable(message),
  }
}

function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
    .slice(0, 300)
}

/** Why a request is refused before a schema sees it. */
export type Fault =
  | 'depth'
  | 'keys'
  | 'elements'
  | 'encoding'
  | 'repeated'
  | 'duplicate-key'
  | 'forbidden-key'
  | 'lone-surrogate'
  | 'malformed'
  | 'bytes'
  | 'type'
  | 'compression'
  | 'missing'

const refusals: Readonly<Record<Fault, readonly [status: number, code: string, title: string]>> = {
  depth: [400, 'too-deep', 'The body is nested too deeply'],
  keys: [400, 'too-many-keys', 'The request has too many members or parameters'],
  elements: [400, 'too-many-elements', 'A list in the request is too long'],
  encoding: [400, 'encoding', 'The request has broken percent encoding or broken UTF-8'],
  repeated: [400, 'repeated-parameter', 'A parameter is repeated'],
  'duplicate-key': [400, 'duplicate-key', 'A member of the body is written twice'],
  'forbidden-key': [400, 'forbidden-key', 'The request has a name that is not accepted'],
  'lone-surrogate': [400, 'lone-surrogate', 'The request has text that is not valid Unicode'],
  malformed: [400, 'malformed', 'The body cannot be parsed'],
  bytes: [413, 'body-too-large', 'The body is too large'],
  type: [415, 'content-type', 'The content type of the body is not accepted'],
  compression: [415, 'content-encoding', 'The content encoding of the body is not accepted'],
  missing: [400, 'body-missing', 'This request needs a body'],
}

/** The refusals by fault, each serialised once by the kernel. */
export const faults: Readonly<Record<Fault, Denial>> = Object.fromEntries(
  Object.entries(refusals).map(([fault, [status, code, title]]) => [fault, { status, code, title }]),
) as unknown as Record<Fault, Denial>

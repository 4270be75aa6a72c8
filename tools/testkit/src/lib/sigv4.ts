import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  /** @default 's3' */
  readonly service?: string
}

export interface SignedRequest {
  readonly method: string
  /** Path and query as sent. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/**
 * Why a request's AWS Signature Version 4 does not stand, or undefined when it does. The body's own hash
 * is the caller's to compare with `x-amz-content-sha256`.
 * Source: docs.aws.amazon.com, "Create a signed AWS API request".
 */
export function refuseSignature(
  request: SignedRequest,
  who: Credentials,
  now: number = Date.now(),
): string | undefined {
  const url = new URL(request.url, 'http://host')
  const claim = url.searchParams.has('X-Amz-Signature') ? fromQuery(url) : fromHeader(request.headers)
  if (!claim) return 'AccessDenied'
  const [key, day, region, service, end] = claim.credential.split('/')
  if (key !== who.accessKeyId) return 'InvalidAccessKeyId'
  const scope = [claim.date.slice(0, 8), who.region, who.service ?? 's3', 'aws4_request']
  if ([day, region, service, end].join() !== scope.join()) return 'AuthorizationHeaderMalformed'
  const age = (now - Date.parse(claim.date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))) / 1000
  if (!(age >= -900 && age <= claim.lifetime)) return 'RequestTimeTooSkewed'
  if (!claim.signed.includes('host')) return 'AuthorizationHeaderMalformed'
  const canonical = [
    request.method,
    url.pathname,
    query(url),
    ...claim.signed.map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replaceAll(/ +/g, ' ')}`,
    ),
    '',
    claim.signed.join(';'),
    claim.payload,
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', claim.date, scope.join('/'), sha256(canonical)].join('\n')
  const signing = scope.reduce<Buffer>((from, part) => hmac(from, part), Buffer.from(`AWS4${who.secretAccessKey}`))
  const expected = hmac(signing, toSign).toString('hex')
  const equal =
    expected.length === claim.signature.length && timingSafeEqual(Buffer.from(expected), Buffer.from(claim.signature))
  return equal ? undefined : 'SignatureDoesNotMatch'
}

interface Claim {
  readonly credential: string
  readonly date: string
  readonly lifetime: number
  readonly signed: readonly string[]
  readonly signature: string
  readonly payload: string
}

function fromHeader(headers: IncomingHttpHeaders): Claim | undefined {
  const parts = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(
    headers.authorization ?? '',
  )
  if (!parts) return undefined
  const [, credential, signed, signature] = parts as unknown as [string, string, string, string]
  const payload = String(headers['x-amz-content-sha256'] ?? sha256(''))
  const date = String(headers['x-amz-date'] ?? '')
  return { credential, date, lifetime: 900, signed: signed.split(';'), signature, payload }
}

function fromQuery(url: URL): Claim {
  const get = (name: string): string => url.searchParams.get(`X-Amz-${name}`) ?? ''
  return {
    credential: get('Credential'),
    date: get('Date'),
    lifetime: Number(get('Expires')),
    signed: get('SignedHeaders').split(';'),
    signature: get('Signature'),
    payload: 'UNSIGNED-PAYLOAD',
  }
}

/** Sorted by encoded name, then value; the signature itself is left out. */
function query(url: URL): string {
  return [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

const encode = (value: string): string =>
  encodeURIComponent(value).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

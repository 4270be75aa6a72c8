import { createHash, createHmac, hash } from 'node:crypto'

import { checkNames, optionError } from './options.ts'

export interface S3Options {
  /** `https://s3.eu-central-1.amazonaws.com`, or a compatible store's; the bucket goes in the path. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** Put before the names of objects. @default '' */
  readonly prefix?: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** Days for which object lock forbids a change, in compliance mode; the bucket must have object lock. */
  readonly lockDays?: number
}

export interface S3Target extends S3Options {
  readonly url: URL
}

/** Checks the options once. @throws ERR_SHOP_AUDIT_OPTION */
export function s3Target(options: S3Options): S3Target {
  const required = ['endpoint', 'region', 'bucket', 'accessKeyId', 'secretAccessKey'] as const
  checkNames('s3Anchor', options, [...required, 'prefix', 'sessionToken', 'lockDays', 'timeout'])
  for (const name of required)
    if (typeof options[name] !== 'string' || options[name] === '') throw optionError('s3Anchor', name, 'is missing')
  if (!URL.canParse(options.endpoint)) throw optionError('s3Anchor', 'endpoint', 'is not a URL')
  return { ...options, url: new URL(options.endpoint) }
}

/** Puts one small object, signed with AWS Signature Version 4. */
export async function putObject(target: S3Target, name: string, body: string, signal: AbortSignal): Promise<void> {
  const path = `/${target.bucket}/${target.prefix ?? ''}${name}`
  const now = new Date()
  const lock: Record<string, string> = target.lockDays
    ? {
        'content-md5': createHash('md5').update(body).digest('base64'), // object lock demands it
        'x-amz-object-lock-mode': 'COMPLIANCE',
        'x-amz-object-lock-retain-until-date': new Date(now.getTime() + target.lockDays * 86_400_000).toISOString(),
      }
    : {}
  const headers = signRequest(target, { method: 'PUT', host: target.url.host, path, body, headers: lock, now })
  const response = await fetch(new URL(encodePath(path), target.url), { method: 'PUT', headers, body, signal })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`S3 answered ${response.status}`)
}

export interface SignedRequest {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly now: Date
}

/** The headers of a request with its signature (AWS Signature Version 4, service s3). */
export function signRequest(
  keys: Pick<S3Options, 'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'region'>,
  request: SignedRequest,
): Record<string, string> {
  const stamp = request.now.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = stamp.slice(0, 8)
  const digest = hash('sha256', request.body)
  const all: Record<string, string> = {
    ...request.headers,
    host: request.host,
    'x-amz-content-sha256': digest,
    'x-amz-date': stamp,
    ...(keys.sessionToken && { 'x-amz-security-token': keys.sessionToken }),
  }
  const names = Object.keys(all).sort()
  const signed = names.join(';')
  const canonical = [
    request.method,
    encodePath(request.path),
    '',
    ...names.map((name) => `${name}:${all[name]!.trim()}`),
    '',
    signed,
    digest,
  ].join('\n')
  const scope = `${day}/${keys.region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', stamp, scope, hash('sha256', canonical)].join('\n')
  let key: Buffer | string = `AWS4${keys.secretAccessKey}`
  for (const part of [day, keys.region, 's3', 'aws4_request']) key = createHmac('sha256', key).update(part).digest()
  const signature = createHmac('sha256', key).update(text).digest('hex')
  const { host: _host, ...sent } = all
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope},SignedHeaders=${signed},Signature=${signature}`,
  }
}

/** S3's own encoding: everything but unreserved characters and the slashes. */
function encodePath(path: string): string {
  return path
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/')
}

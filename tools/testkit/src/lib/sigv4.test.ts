import aws4 from 'aws4'
import { expect, test } from 'vitest'

import { refuseSignature } from './sigv4.ts'

// the example of "Create a signed AWS API request", get-vanilla of AWS's own test suite
const example = {
  who: {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
    service: 'service',
  },
  request: {
    method: 'GET',
    url: '/',
    headers: {
      host: 'example.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, ' +
        'Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    },
  },
  now: Date.UTC(2015, 7, 30, 12, 36),
}

test("AWS's own example stands", () => {
  expect(refuseSignature(example.request, example.who, example.now)).toBeUndefined()
})

test.each([
  ['another secret', { secretAccessKey: 'other' }, 0, 'SignatureDoesNotMatch'],
  ['another key', { accessKeyId: 'other' }, 0, 'InvalidAccessKeyId'],
  ['another region', { region: 'eu-west-1' }, 0, 'AuthorizationHeaderMalformed'],
  ['16 minutes later', {}, 16 * 60_000, 'RequestTimeTooSkewed'],
  ['16 minutes early', {}, -16 * 60_000, 'RequestTimeTooSkewed'],
])('%s is refused', (_, other, later, code) => {
  expect(refuseSignature(example.request, { ...example.who, ...other }, example.now + later)).toBe(code)
})

test('no signature is refused', () => {
  const { authorization: _, ...headers } = example.request.headers
  expect(refuseSignature({ ...example.request, headers }, example.who, example.now)).toBe('AccessDenied')
})

const who = { accessKeyId: 'AKIA', secretAccessKey: 'secret', region: 'eu-central-1' }

test.each(['/bucket/key', '/bucket/a%20b/%C3%A9', '/bucket?list-type=2&prefix=a%2Fb&max-keys=2', '/b/k?uploads='])(
  'what aws4 signs stands: %s',
  (path) => {
    const { headers = {}, method } = sign({ method: 'PUT', path, body: 'text' })
    const request = { method: method!, url: path, headers: lower(headers) }
    expect(refuseSignature(request, who)).toBeUndefined()
    expect(refuseSignature({ ...request, url: `${path}x` }, who)).toBe('SignatureDoesNotMatch')
    expect(refuseSignature({ ...request, method: 'GET' }, who)).toBe('SignatureDoesNotMatch')
  },
)

test('a presigned URL stands until it expires', () => {
  const { path, headers = {} } = sign({ path: '/bucket/key?X-Amz-Expires=60', signQuery: true })
  const request = { method: 'GET', url: path!, headers: lower(headers) }
  expect(refuseSignature(request, who)).toBeUndefined()
  expect(refuseSignature(request, who, Date.now() + 62_000)).toBe('RequestTimeTooSkewed')
})

function sign(request: aws4.Request): aws4.Request {
  return aws4.sign({ service: 's3', region: who.region, host: '127.0.0.1', ...request }, who)
}

function lower(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

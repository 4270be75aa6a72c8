import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { brotliCompress, deflate, gzip } from 'node:zlib'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { kindOf, parseBody, readBody } from './body.ts'

/** Sends raw HTTP in pieces, and gives what `handle` made of the request. */
async function receive<T>(
  pieces: readonly string[],
  handle: (message: IncomingMessage) => Promise<T>,
): Promise<T | Error> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  const result = once(server, 'request').then(([message, response]) =>
    handle(message as IncomingMessage).then(
      (value) => ((response as { end(): void }).end(), value),
      (error: Error) => error,
    ),
  )
  for (const piece of pieces) {
    if (piece === 'HANG UP') socket.destroy()
    else socket.write(piece)
    await sleep(3)
  }
  const value = await result
  socket.destroy()
  server.close()
  return value
}

const POST = 'POST / HTTP/1.1\r\nHost: x\r\n'

describe('reading', () => {
  test.each([
    ['in one piece', [`${POST}Content-Length: 5\r\n\r\nhello`]],
    ['in several', [`${POST}Content-Length: 5\r\n\r\nh`, 'el', 'lo']],
    ['chunked', [`${POST}Transfer-Encoding: chunked\r\n\r\n`, '2\r\nhe\r\n', '3\r\nllo\r\n0\r\n\r\n']],
  ])('a body that came %s is put back for the next reader', async (_how, pieces) => {
    const read = await receive(pieces, async (message) => {
      const first = await readBody(message, 5, true)
      await sleep(5)
      return [first.toString(), await text(message)]
    })
    expect(read).toEqual(['hello', 'hello'])
  })

  test('without replay the stream is at its end', async () => {
    const ended = await receive([`${POST}Content-Length: 5\r\n\r\nhello`], async (message) => {
      await readBody(message, 5, false)
      return message.readableEnded
    })
    expect(ended).toBe(true)
  })

  test('an empty chunked body neither hangs nor throws', async () => {
    expect(
      await receive([`${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`], (message) =>
        readBody(message, 5, true).then(String),
      ),
    ).toBe('')
  })

  test.each([
    ['declared', [`${POST}Content-Length: 6\r\n\r\nhello!`]],
    ['counted', [`${POST}Transfer-Encoding: chunked\r\n\r\n`, '6\r\nhello!\r\n']],
  ])('a body longer than the limit is refused as %s', async (_how, pieces) => {
    expect(await receive(pieces, (message) => readBody(message, 5, true))).toMatchObject({
      code: 'ERR_SHOP_MIDDLEWARE_BODY_TOO_LARGE',
      limit: 5,
    })
  })

  test('a client that leaves in the middle is told apart', async () => {
    const left = await receive([`${POST}Content-Length: 6\r\n\r\nhel`, 'HANG UP'], (message) =>
      readBody(message, 9, true),
    )
    expect(left).toMatchObject({ code: 'ERR_SHOP_MIDDLEWARE_BODY_ABORTED' })
  })

  test('a body that was read before is misuse', async () => {
    const twice = await receive([`${POST}Content-Length: 5\r\n\r\nhello`], async (message) => {
      await text(message)
      return readBody(message, 9, true)
    })
    expect(twice).toMatchObject({ code: 'ERR_SHOP_MIDDLEWARE_BODY_CONSUMED' })
  })
})

describe('parsing', () => {
  const parse = (body: string | Uint8Array, type: string, encoding = ''): Promise<unknown> =>
    parseBody(Buffer.from(body as string), kindOf(type)!, type, encoding, 1000)

  test('JSON of any kind round-trips', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        expect(await parseBody(Buffer.from(json), 'json', 'application/vnd.x+json', '', 1e6)).toEqual({
          value: JSON.parse(json) as unknown,
        })
      }),
    )
  })

  test('any bytes give a value or a denial', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('application/json', 'text/plain', 'application/x-www-form-urlencoded'),
        fc.constantFrom('', 'gzip', 'deflate', 'br', 'x'),
        async (bytes, type, encoding) => {
          const parsed = await parseBody(bytes, kindOf(type)!, type, encoding, 1000)
          expect(parsed && ('deny' in parsed ? parsed.deny.status : 200)).toSatisfy((status) =>
            [200, 400, 415].includes(status as number),
          )
        },
      ),
    )
  })

  test('a form keeps repeated names as a list and cannot reach a prototype', async () => {
    const { value } = (await parse(
      'a=1&a=2&a=3&__proto__=x&b=',
      'application/x-www-form-urlencoded; charset=UTF-8',
    )) as { value: Record<string, unknown> }
    expect(Object.entries(value)).toEqual([
      ['a', ['1', '2', '3']],
      ['__proto__', 'x'],
      ['b', ''],
    ])
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  test.each([
    ['gzip', promisify(gzip)],
    ['deflate', promisify(deflate)],
    ['br', promisify(brotliCompress)],
  ])('%s is undone within the limit', async (encoding, compress) => {
    expect(await parse(await compress('{"a":1}'), 'application/json', encoding)).toMatchObject({ value: { a: 1 } })
    await expect(parse(await compress(' '.repeat(100_000)), 'application/json', encoding)).rejects.toMatchObject({
      code: 'ERR_SHOP_MIDDLEWARE_BODY_TOO_LARGE',
    })
  })

  test.each([
    ['{"a":', 'application/json', '', 400],
    [new Uint8Array([0xff, 0xfe]), 'text/plain', '', 400],
    ['{}', 'application/json; charset=utf-16', '', 415],
    ['{}', 'application/json', 'zstd', 415],
    ['{}', 'application/json', 'gzip', 400],
  ])('%o as %s %s is a %s', async (body, type, encoding, status) => {
    expect(await parse(body, type, encoding)).toMatchObject({ deny: { status } })
  })

  test.each([
    ['application/json; charset=utf-8', 'json'],
    ['application/problem+json', 'json'],
    ['application/x-www-form-urlencoded; note=json', 'form'],
    ['TEXT/PLAIN', 'text'],
    ['multipart/form-data; boundary=y', undefined],
    [undefined, undefined],
  ])('%s is read as %s', (type, kind) => {
    expect(kindOf(type)).toBe(kind)
  })
})

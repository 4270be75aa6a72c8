import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

import { expect, test } from 'vitest'

import type { RequestView } from './lib/policy.ts'
import { protect } from './node.ts'

async function see(options: object): Promise<Pick<RequestView, 'ip' | 'secure' | 'host'>> {
  let seen: Pick<RequestView, 'ip' | 'secure' | 'host'> | undefined
  const server = createServer(
    protect(options, {
      name: 'see',
      evaluate: ({ ip, secure, host }) => void (seen = { ip, secure, host }) as undefined,
    })((_, response) => response.end()),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    headers: {
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'shop.example',
      'x-client': '5.6.7.8',
    },
  })
  server.closeAllConnections()
  server.close()
  return seen!
}

test('forwarded headers count only from proxies that are trusted', async () => {
  expect(await see({})).toMatchObject({ ip: '127.0.0.1', secure: false })
  expect(await see({ trustProxy: ['loopback'] })).toMatchObject({ ip: '1.2.3.4', secure: true, host: 'shop.example' })
})

test('ipOf has the last word on the address', async () => {
  const ipOf = (request: IncomingMessage): string => request.headers['x-client'] as string
  expect((await see({ ipOf })).ip).toBe('5.6.7.8')
})

test.each([{ trustProxies: 1 }, { ipOf: 'x-client' }])('refuses the options %o', (options) => {
  expect(() => protect(options as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_MIDDLEWARE_OPTION' }))
})

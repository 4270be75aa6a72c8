import { Redis } from 'ioredis'
import { expect, test } from 'vitest'

import { needs } from './needs.ts'
import { redis } from './redis.ts'

test('a Redis answers, dies and comes back empty on the same port', async (ctx) => {
  needs(ctx, 'redis')
  await using server = await redis()
  const client = new Redis(server.url, { maxRetriesPerRequest: 0, lazyConnect: true })
  client.on('error', () => {})
  await client.set('key', 'value')
  await server.kill9()
  await expect(client.get('key')).rejects.toThrow()
  await server.restart()
  await expect.poll(() => client.get('key').catch(String)).toBeNull()
  client.disconnect()
})

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request as ask } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'

import fastify, { type FastifyInstance } from 'fastify'
import { expect, test } from 'vitest'

import { protect } from './fastify.ts'
import type { Outcome } from './lib/policy.ts'

async function app(outcomes: Outcome[], signals: AbortSignal[] = []): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(
    protect({
      name: 'all',
      evaluate: ({ signal }) => void signals.push(signal),
      settle: (outcome) => void outcomes.push(outcome),
    }),
  )
  app.get('/whole', () => Promise.resolve({ a: 1 }))
  app.get('/empty', (_request, reply) => void reply.code(204).send())
  app.get('/stream', (_request, reply) => reply.send(Readable.from(['a', 'b'])))
  app.get('/leaves', (_request, reply) => void reply.hijack().raw.destroy())
  return app
}

test('what inject() asks for is finished, unless the response is destroyed', async () => {
  const outcomes: Outcome[] = []
  const signals: AbortSignal[] = []
  await using served = await app(outcomes, signals)
  for (const path of ['/whole', '/empty', '/stream', '/nowhere']) await served.inject(path)
  await expect(served.inject('/leaves')).rejects.toThrow('destroyed')
  await expect.poll(() => outcomes.length).toBe(5)
  expect(outcomes.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
    'finished 200',
    'finished 204',
    'finished 200',
    'finished 404',
    'aborted 200',
  ])
  expect(outcomes.slice(0, 3).map(({ bytes }) => bytes)).toEqual([7, 0, 2])
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false, false, true])
})

test('a client on a Unix socket has no address', async () => {
  const outcomes: Outcome[] = []
  await using served = await app(outcomes)
  const directory = await mkdtemp(join(tmpdir(), 'shop-middleware-'))
  try {
    const socketPath = join(directory, 'socket')
    await served.listen({ path: socketPath })
    const [response] = (await once(ask({ socketPath, path: '/whole' }).end(), 'response')) as [Readable]
    response.resume()
    await expect.poll(() => outcomes.length).toBe(1)
    expect(outcomes[0]!.request.ip).toBe('')
  } finally {
    await rm(directory, { recursive: true })
  }
})

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

import { protect as protectExpress } from '@shop/middleware/express'
import { protect as protectFastify } from '@shop/middleware/fastify'
import express from 'express'
import { fastify } from 'fastify'
import { afterAll, describe, expect, test } from 'vitest'

import { deadline } from '../deadline.ts'
import { pipeline } from '../pipeline.ts'
import { DEADLINE_HEADER } from '../replaying-fetch.ts'
import { deadlineOf, deadlines, type DeadlinesOptions, type RequestDeadline } from './deadlines.ts'

const stops: (() => unknown)[] = []
afterAll(async () => {
  for (const stop of stops) await stop()
})

type Work = (mine: RequestDeadline) => Promise<string>

async function expressServer(work: Work, options?: DeadlinesOptions): Promise<string> {
  const app = express()
  app.use(protectExpress(deadlines(options)))
  app.get('/', (request, response) => {
    work(deadlineOf(request)!).then(
      (text) => response.end(text),
      () => response.status(500).end(),
    )
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function fastifyServer(work: Work, options?: DeadlinesOptions): Promise<string> {
  const app = fastify({ forceCloseConnections: true })
  await app.register(protectFastify(deadlines(options)))
  app.get('/', (request) => work(deadlineOf(request.raw) ?? deadlineOf(request)!))
  stops.push(() => app.close())
  return `${await app.listen({ port: 0, host: '127.0.0.1' })}/`
}

describe.each([
  ['Express', expressServer],
  ['Fastify', fastifyServer],
])('%s', (_name, serve) => {
  test('the time the client sends arrives, and what is left of it goes on', async () => {
    const url = await serve(async (mine) => {
      await wait(30)
      return String(mine.remaining)
    })
    const client = pipeline('client', [deadline('1s')])
    const left = Number(await (await client.fetch(url)).text())
    expect(left).toBeGreaterThan(300)
    expect(left).toBeLessThan(975)
    const none = Number(await (await fetch(url)).text())
    expect(none).toBeGreaterThan(25_000)
  })

  test('what comes too late is refused, and work past its time is aborted', async () => {
    const reasons: string[] = []
    const url = await serve(async ({ signal }) => {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve)
      })
      reasons.push((signal.reason as Error).name)
      return 'late'
    })
    const late = await fetch(url, { headers: { [DEADLINE_HEADER]: '0' } })
    expect(late.status).toBe(504)
    expect(late.headers.get('content-type')).toContain('problem+json')
    await fetch(url, { headers: { [DEADLINE_HEADER]: '40' } })
    expect(reasons).toEqual(['TimeoutError'])
  })

  test('work whose caller has left is aborted', async () => {
    const [arrived, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const url = await serve(async ({ signal }) => {
      signal.addEventListener('abort', () => left.resolve())
      arrived.resolve()
      await left.promise
      return 'x'
    })
    const controller = new AbortController()
    const calling = fetch(url, { signal: controller.signal })
    await arrived.promise
    controller.abort()
    await expect(calling).rejects.toThrow()
    await left.promise
  })

  test('over its concurrency requests wait, those that waited past their time are dropped unserved', async () => {
    let served = 0
    const url = await serve(
      async () => {
        served++
        await wait(400)
        return 'done'
      },
      { concurrency: 1 },
    )
    const statuses = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const response = await fetch(url, { headers: { [DEADLINE_HEADER]: '650' } })
        await response.arrayBuffer()
        return response.status
      }),
    )
    expect(statuses.filter((status) => status === 200)).toHaveLength(served)
    expect(served).toBeLessThanOrEqual(2)
    expect(statuses.filter((status) => status === 504).length).toBe(6 - served)
    expect((await fetch(url)).status).toBe(200)
  })
})

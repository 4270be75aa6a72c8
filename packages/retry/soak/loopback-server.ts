// A server with ten workers of 50 ms each: 200 requests a second, and a fifth of that in trouble. First in first out.
import { protect as protectExpress } from '@shop/middleware/express'
import { protect as protectFastify } from '@shop/middleware/fastify'
import express from 'express'
import { fastify } from 'fastify'
import type { AddressInfo } from 'node:net'

import { deadlineOf, deadlines } from '../src/server.ts'

const [, , framework, policy] = process.argv
const WORKERS = 10
const waiting: (() => void)[] = []
let workers = WORKERS
let busy = 0

function pull(): void {
  while (busy < workers && waiting.length > 0) {
    busy++
    const start = waiting.shift()!
    setTimeout(
      () => {
        busy--
        start()
        pull()
      },
      -Math.log(1 - Math.random()) * 50,
    )
  }
}
/** Work whose caller has left is not begun, where the policy says who has. */
const work = (request: object): Promise<void> =>
  new Promise((resolve, reject) => {
    const signal = deadlineOf(request)?.signal
    waiting.push(resolve)
    signal?.addEventListener('abort', () => {
      const at = waiting.indexOf(resolve)
      if (at >= 0) waiting.splice(at, 1)
      reject(signal.reason as Error)
    })
    pull()
  })
process.on('message', ({ capacity }: { capacity: number }) => {
  workers = Math.round(WORKERS * capacity)
  pull()
})
process.on('disconnect', () => process.exit())

// the policy guards the workers there are when all is well
const policies = policy === 'true' ? [deadlines({ concurrency: WORKERS })] : []
if (framework === 'express') {
  const app = express()
  if (policies[0]) app.use(protectExpress(policies[0]))
  app.get('/', (request, response) => {
    work(request).then(
      () => response.end('ok'),
      () => response.status(504).end(),
    )
  })
  const server = app.listen(0, '127.0.0.1', () => {
    process.send!({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
  })
} else {
  const app = fastify()
  if (policies[0]) await app.register(protectFastify(policies[0]))
  app.get('/', (request) => work(request.raw).then(() => 'ok'))
  process.send!({ url: `${await app.listen({ port: 0, host: '127.0.0.1' })}/` })
}

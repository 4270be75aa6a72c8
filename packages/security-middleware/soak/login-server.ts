// The victim of login.soak.ts, in a process of its own: a login that answers "no such user" at once and "wrong password"
// after the work of a hash, with different words. Behind the policy, and bare.
import { scryptSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

import { protect } from '@shop/middleware/node'

import { safeEqual, timingAttackProtection } from '../src/index.ts'

// the injected cost: about a millisecond, as a real hash would make this a day
const hash = (password: string): Buffer => scryptSync(password, 'salt', 32, { N: 256, r: 8, p: 1 })
const users = new Map([['ada', hash('secret')]])

async function login(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { user, password } = (await json(request)) as { user: string; password: string }
  const stored = users.get(user)
  if (stored === undefined) response.writeHead(401).end('no such user')
  else if (safeEqual(hash(password), stored)) response.writeHead(200).end('welcome')
  else response.writeHead(401).end('wrong password')
}

const bare = (request: IncomingMessage, response: ServerResponse): void => void login(request, response)
const guarded = protect(timingAttackProtection({ deadline: Number(process.argv[2]) }))(bare)
const server = createServer((request, response) => (request.url === '/bare' ? bare : guarded)(request, response))
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())

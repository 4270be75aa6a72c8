import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { describe, expect, it, onTestFinished } from 'vitest'

import { protect } from '@shop/middleware/node'

import { auditContextOf, auditRequests, type AuditRequestsOptions, setAuditActor } from './audit-requests.ts'
import { auditContext } from './context.ts'
import type { AuditEvent } from './event.ts'

const deny = {
  name: 'no-deletes',
  evaluate: ({ method }: { method: string }) =>
    method === 'DELETE' ? { deny: { status: 403, code: 'no-deletes', title: 'Nothing is deleted here' } } : undefined,
}

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  options: Partial<AuditRequestsOptions> = {},
) {
  const recorded: { event: AuditEvent; context: unknown }[] = []
  const audit = {
    async record(event: AuditEvent) {
      recorded.push({ event, context: auditContext() })
      return 'id'
    },
  }
  const server = createServer(protect(auditRequests({ audit, ...options }), deny)(handler))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, recorded }
}

describe('the policy', () => {
  it('records what may change something, with status, actor and place, and nothing else', async () => {
    const seen: unknown[] = []
    const { url, recorded } = await serve((request, response) => {
      setAuditActor(request, { type: 'customer', id: '42' })
      setImmediate(() => {
        seen.push(auditContext(), auditContextOf(request))
        response.writeHead(request.url === '/bad' ? 422 : 201).end()
      })
    })
    const headers = {
      'x-request-id': 'r-1',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'user-agent': 'test/1',
    }
    await fetch(url, { method: 'GET', headers })
    await fetch(`${url}/orders`, { method: 'POST', headers })
    await fetch(`${url}/bad`, { method: 'PUT' })
    await fetch(url, { method: 'DELETE' })
    expect(recorded.map(({ event }) => [event.outcome, event.data])).toEqual([
      ['success', { method: 'POST', route: 'unmatched', status: 201 }],
      ['failure', { method: 'PUT', route: 'unmatched', status: 422 }],
      ['denied', { method: 'DELETE', route: 'unmatched', status: 403, denied: 'no-deletes' }],
    ])
    expect(recorded[0]!.event.actor).toEqual({ type: 'customer', id: '42' })
    expect(recorded[0]!.context).toMatchObject({
      ip: '127.0.0.1',
      userAgent: 'test/1',
      requestId: 'r-1',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    })
    // deep in the code, without the request at hand
    expect(seen[0]).toMatchObject({ actor: { type: 'customer', id: '42' }, requestId: 'r-1' })
    expect(seen[1]).toBe(seen[0])
  })

  it('takes the trace id from who knows it, when the request brought none', async () => {
    const traceIdOf = ({ path }: { path: string }) => (path === '/none' ? undefined : 'c'.repeat(32))
    const { url, recorded } = await serve((_, response) => void response.end(), { traceIdOf })
    await fetch(url, { method: 'POST' })
    await fetch(`${url}/none`, { method: 'POST' })
    expect(recorded.map(({ context }) => (context as { traceId?: string }).traceId)).toEqual([
      'c'.repeat(32),
      undefined,
    ])
  })

  it('takes no request id that could forge a log line', async () => {
    const { url, recorded } = await serve((_, response) => void response.end())
    await fetch(url, { method: 'POST', headers: { 'x-request-id': 'a b"c' } })
    expect((recorded[0]!.context as { requestId: string }).requestId).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('refuses to be made without a trail', () => {
    expect(() => auditRequests({} as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_AUDIT_OPTION' }))
  })
})

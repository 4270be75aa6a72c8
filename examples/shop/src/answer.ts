import { html } from '@shop/security-middleware/encode'
import { withAuditContext } from '@shop/audit'
import { traceOf } from '@shop/metrics'

import { layout, message } from './pages/layout.ts'
import { Refusal } from './refusal.ts'
import { anonymous, readSession } from './session.ts'
import type { Shop } from './shop.ts'
import { actorOf } from './trail.ts'
import { page, redirect, type Reply, type Route, type Visit } from './web.ts'

/** A request as an app hands it over. */
export type Incoming = Omit<Visit, 'session'> & { readonly cookies: string | undefined }

/** Runs a route's handler as the visitor whose cookie it is. Never throws: what goes wrong is a page too. */
export async function answer(shop: Shop, route: Route, { cookies, ...request }: Incoming): Promise<Reply> {
  let visit: Visit = { ...request, session: anonymous }
  try {
    visit = { ...request, session: await readSession(shop.db, cookies) }
    // whatever the handler records, it records of this visitor, under the ids the log lines of the request carry
    const { requestId, traceId } = traceOf(visit.raw) ?? {}
    const context = { actor: actorOf(visit.session), requestId, traceId }
    return await withAuditContext(context, async () => route.handle(visit))
  } catch (error) {
    if (error instanceof Refusal && error.status === 401 && route.method === 'GET')
      return redirect(`/login?next=${encodeURIComponent(visit.path)}`)
    return errorPage(shop, visit, error)
  }
}

/** The page for a refusal, for an error a framework raised (too long, unreadable), and for a bug, which is logged. */
export function errorPage(shop: Shop, visit: Pick<Visit, 'session' | 'query'>, error: unknown): Reply {
  const status = statusOf(error)
  if (status >= 500) shop.log.error(error)
  const sentence = error instanceof Refusal ? error.message : (sentences[status] ?? 'That did not work.')
  return page(
    layout(
      shop,
      visit,
      titles[status] ?? `Error ${status}`,
      html`${message(titles[status] ?? `Error ${status}`, sentence)}`,
    ),
    status,
  )
}

export const notFound: Refusal = new Refusal(404, 'There is no page at this address.')

function statusOf(error: unknown): number {
  const status =
    (error as { status?: unknown; statusCode?: unknown })?.status ?? (error as { statusCode?: unknown })?.statusCode
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500
}

const titles: Readonly<Record<number, string>> = {
  401: 'Log in first',
  403: 'Not for you',
  404: 'Not here',
  409: 'That has changed',
  413: 'Too much',
  422: 'Something is missing',
  500: 'Our fault',
}

const sentences: Readonly<Record<number, string>> = {
  413: 'What you sent is larger than anything this shop has a use for.',
  500: 'Something broke on our side; it has been noted, and trying again may help.',
}

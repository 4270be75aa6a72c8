import type { Outcome } from '@shop/middleware'

const verbs =
  /(?:^|[/._-])(?:add|approve|buy|cancel|clear|delete|destroy|disable|enable|logout|purchase|remove|save|unsubscribe|update)(?:[/._-]|$)/i
const most = 20

/**
 * For development: warns, once a route, of what undoes a CSRF check. A method override turns a GET, which is not
 * checked, into a change; a GET that changes something is never checked at all.
 */
export function csrfHazards(warn: (message: string) => void = emit): (outcome: Outcome) => void {
  const warned = new Set<string>()
  return function watchForHazards({ request, status }: Outcome): void {
    // the template where there is one: what stands in the place of a parameter says nothing of the route
    const route = request.route ?? request.path
    const hazard = hazardOf(request.method, route, request.query, request.header('x-http-method-override'), status)
    const key = hazard && `${hazard} ${route}`
    if (key === undefined || warned.has(key) || warned.size >= most) return
    warned.add(key)
    warn(`csrf(): ${JSON.stringify(route)}: ${hazard}`)
  }
}

function hazardOf(
  method: string,
  route: string,
  query: string,
  override: string | undefined,
  status: number,
): string | undefined {
  if (override !== undefined || /(?:^|&)_method=/i.test(query)) {
    return 'a method override was sent; if the application obeys it on GET, put protect() after what obeys it.'
  }
  if (method !== 'GET') return undefined
  if (status === 201) return 'a GET answered 201 Created; what changes something must be POST, PUT, PATCH or DELETE.'
  if (status >= 200 && status < 400 && verbs.test(route)) {
    return 'the name of this GET sounds as if it changed something; if it does, it is open to every site: make it a POST.'
  }
  return undefined
}

function emit(message: string): void {
  process.emitWarning(message, { code: 'SHOP_SECURITY_CSRF_HAZARD' })
}

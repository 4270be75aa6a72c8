/** What of an Express request, 4 or 5, tells where its route is mounted. */
interface ExpressRequest {
  readonly baseUrl?: unknown
  readonly route?: { readonly path?: unknown }
  readonly app?: ExpressApp
}
interface ExpressApp {
  readonly mountpath?: unknown
  readonly parent?: ExpressApp
  readonly router?: Router
  readonly _router?: Router
}
interface Router {
  readonly stack?: readonly Layer[]
}
interface Layer {
  readonly route?: object
  readonly handle?: Router
  /** Express 5 keeps the template … */
  readonly rawPath?: unknown
  /** … Express 4 what it was compiled to. */
  readonly regexp?: RegExp
  readonly keys?: readonly { readonly name: string | number }[]
}

/** What stands for a mount whose template Express does not tell. */
const UNKNOWN = '/*'
const DEEPEST = 16

/** By route: a few templates where its router is mounted several times. What is kept is bounded by what the application defines. */
const known = new WeakMap<object, readonly string[]>()

/**
 * The template of the route an Express request has come to, mounts included: `/shops/:shop/orders/:id`; a mount's own
 * root is `/shops/:shop`. Express itself tells only the URL up to a mount (`req.baseUrl`), which a client makes up.
 * Undefined before there is a route, and where its path is no text.
 */
export function expressRoute(request: object): string | undefined {
  const { baseUrl, route, app } = request as ExpressRequest
  if (typeof route?.path !== 'string') return undefined
  if (typeof baseUrl !== 'string' || baseUrl === '') return route.path
  let mounts = known.get(route)
  if (!mounts) {
    // walked once: routes are matched only after they were added
    mounts = app ? mountsOf(app).flatMap((prefix) => find(routerOf(app), route, prefix, 0)) : []
    known.set(route, mounts)
  }
  const mount = mounts.find((template) => fits(template, baseUrl)) ?? UNKNOWN
  return route.path === '/' ? mount : mount + route.path
}

/** Where an application is mounted in others; those tell it by themselves. */
function mountsOf({ parent, mountpath }: ExpressApp): readonly string[] {
  if (!parent) return ['']
  return mountsOf(parent).flatMap((prefix) => templates(mountpath).map((template) => prefix + template))
}

function routerOf(app: ExpressApp): Router | undefined {
  // Express 4 keeps its router elsewhere, and throws when asked for the other
  return 'lazyrouter' in app ? app._router : app.router
}

function find(router: Router | undefined, route: object, prefix: string, depth: number): string[] {
  if (!router?.stack || depth > DEEPEST) return []
  return router.stack.flatMap((layer) => {
    if (layer.route) return layer.route === route ? [prefix] : []
    return layer.handle?.stack
      ? layerTemplates(layer).flatMap((template) => find(layer.handle, route, prefix + template, depth + 1))
      : []
  })
}

function layerTemplates({ rawPath, regexp, keys = [] }: Layer): readonly string[] {
  if (rawPath !== undefined) return templates(rawPath)
  return [regexp ? decompiled(regexp, keys) : UNKNOWN]
}

function templates(path: unknown): readonly string[] {
  if (Array.isArray(path)) return path.flatMap(templates)
  if (typeof path !== 'string') return [UNKNOWN]
  return [path.replace(/\/+$/, '')]
}

/** The template of what Express 4 compiled, when it has only plain text and whole-segment parameters. */
function decompiled(regexp: RegExp, keys: Layer['keys'] & {}): string {
  let key = 0
  const template = regexp.source
    .replace(/^\^/, '')
    .replace(/\\\/\?\(\?=\\\/\|\$\)$/, '')
    .replaceAll('(?:\\/([^/]+?))', () => `/:${keys[key++]?.name ?? '*'}`)
    .replaceAll(/\\([./-])/g, '$1')
  return /^[\w./:-]*$/.test(template) ? template.replace(/\/+$/, '') : UNKNOWN
}

/** Whether a URL can have come by a template; one with wildcards or optional parts may have come by any. */
function fits(template: string, url: string): boolean {
  if (/[*{(?+]/.test(template)) return true
  const [wanted, given] = [template.split('/'), url.replaceAll(/\/{2,}/g, '/').split('/')]
  return (
    wanted.length === given.length &&
    wanted.every((segment, i) => segment.includes(':') || segment.toLowerCase() === given[i]!.toLowerCase())
  )
}

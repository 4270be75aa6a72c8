import type { PolicyList } from './compose.ts'
import { MiddlewareError } from './errors.ts'
import { createPeerOf, type Peer, type TrustProxy } from './proxy.ts'

/** How an adapter without a trust setting of its own learns who the client is. */
export interface PeerOptions<Request> {
  /** Which proxies to believe. @default none */
  readonly trustProxy?: TrustProxy
  /** The client's address by a rule of your own (a CDN's header); overrides what `trustProxy` finds. */
  readonly ipOf?: (request: Request) => string
}

type PeerOf<Request> = (
  request: Request,
  address: string,
  encrypted: boolean,
  header: (name: string) => string | undefined,
) => Peer

/** Tells options from policies, which have a name, and checks them. */
export function splitOptions<Request>(args: readonly unknown[]): { peerOf: PeerOf<Request>; list: PolicyList } {
  const [head] = args
  const given = typeof head === 'object' && head !== null && !Array.isArray(head) && !('name' in head)
  const options = (given ? head : {}) as PeerOptions<Request>
  for (const key of Object.keys(options)) {
    if (key !== 'trustProxy' && key !== 'ipOf') {
      throw new MiddlewareError(
        'ERR_SHOP_MIDDLEWARE_OPTION',
        `unknown option ${JSON.stringify(key)}; allowed: trustProxy, ipOf`,
      )
    }
  }
  const { ipOf } = options
  if (ipOf !== undefined && typeof ipOf !== 'function') {
    throw new MiddlewareError('ERR_SHOP_MIDDLEWARE_OPTION', `ipOf: expected a function, received ${typeof ipOf}`)
  }
  const byProxy = createPeerOf(options.trustProxy)
  return {
    list: (given ? args.slice(1) : args) as PolicyList,
    peerOf: (request, address, encrypted, header) => {
      const peer = byProxy(address, encrypted, header)
      return ipOf ? { ...peer, ip: ipOf(request) } : peer
    },
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'

import { createChain } from './lib/chain.ts'
import { drive } from './lib/node-drive.ts'
import { NodeExchange } from './lib/node-exchange.ts'
import { splitOptions, type PeerOptions } from './lib/options.ts'
import type { PolicyList } from './lib/compose.ts'
import { requestKey } from './lib/key.ts'
import type { Peer } from './lib/proxy.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const bodies = requestKey<unknown>()

/**
 * Policies around a request listener of node:http, node:https or node:http2 (compatibility API).
 * Without `trustProxy` nothing a client says about itself is believed.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`, `ERR_SHOP_MIDDLEWARE_OPTION`
 * @example createServer(protect(securityHeaders(), csrf())((request, response) => response.end('hello')))
 */
export function protect(...policies: PolicyList): (handler: Handler) => Handler
export function protect(options: PeerOptions<IncomingMessage>, ...policies: PolicyList): (handler: Handler) => Handler
export function protect(
  ...args: [PeerOptions<IncomingMessage>, ...PolicyList] | PolicyList
): (handler: Handler) => Handler {
  const { peerOf, list } = splitOptions<IncomingMessage>(args)
  const chain = createChain(list)
  return (handler) => {
    if (chain.idle) return handler
    return function shopProtect(request, response) {
      const peer = (): Peer =>
        peerOf(
          request,
          request.socket.remoteAddress ?? '',
          (request.socket as TLSSocket).encrypted === true,
          (name) => exchange.header(name) ?? (name === 'host' ? exchange.header(':authority') : undefined),
        )
      const exchange = new PlainExchange(request, response, peer)
      const passed = drive(chain, exchange)
      if (passed === true) handler(request, response)
      else if (passed) void passed.then((late) => late && handler(request, response))
    }
  }
}

/**
 * The JSON body that a policy caused to be read and parsed; `undefined` when none did, and the request's stream is
 * untouched. (Other content types are put back into the stream.)
 */
export function bodyOf(request: IncomingMessage): unknown {
  return bodies.get(request)
}

class PlainExchange extends NodeExchange {
  readonly route = undefined
  readonly #peerOf: () => Peer
  #peer: Peer | undefined

  constructor(request: IncomingMessage, response: ServerResponse, peerOf: () => Peer) {
    super(request, response)
    this.#peerOf = peerOf
  }

  get #who(): Peer {
    return (this.#peer ??= this.#peerOf())
  }

  get ip(): string {
    return this.#who.ip
  }

  get secure(): boolean {
    return this.#who.secure
  }

  get host(): string | undefined {
    return this.#who.host
  }

  get parsed(): unknown {
    return bodies.get(this.raw)
  }

  adopt(body: unknown): void {
    bodies.set(this.raw, body)
  }
}

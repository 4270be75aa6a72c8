import { BlockList, isIP } from 'node:net'

import { MiddlewareError } from './errors.ts'

/**
 * Which proxies to believe when they say, in `X-Forwarded-For`, `-Proto` and `-Host`, who the client was.
 * A number is how many hops in front of this server are yours; a list names their addresses, networks (CIDR) or
 * `loopback`, `linklocal`, `uniquelocal`.
 */
export type TrustProxy = number | readonly string[]

/** Whose word on the client counts. */
export interface Peer {
  readonly ip: string
  readonly secure: boolean
  readonly host: string | undefined
}

type Headers = (name: string) => string | undefined

const NAMED = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
} as const

/**
 * Compiles trust rules to one function. Without them nothing that a client sends is believed.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_OPTION`
 */
export function createPeerOf(
  trust: TrustProxy | undefined,
): (address: string, encrypted: boolean, header: Headers) => Peer {
  const trusted = trust === undefined ? undefined : typeof trust === 'number' ? byHops(trust) : byAddress(trust)
  return (address, encrypted, header) => {
    const ip = plain(address)
    const host = header('host')
    if (!trusted?.(ip, 0)) return { ip, secure: encrypted, host }
    const hops = (header('x-forwarded-for') ?? '').split(',').reverse()
    let client = ip
    for (let i = 0; i < hops.length && trusted(client, i); i++) {
      const hop = plain(hops[i]!.trim())
      if (isIP(hop) === 0) break // whatever stands further left was not written by a proxy of ours
      client = hop
    }
    return {
      ip: client,
      secure: (first(header('x-forwarded-proto')) ?? (encrypted ? 'https' : 'http')) === 'https',
      host: first(header('x-forwarded-host')) ?? host,
    }
  }
}

function byHops(hops: number): (ip: string, index: number) => boolean {
  if (!Number.isSafeInteger(hops) || hops < 0) throw refused(hops)
  return (_ip, index) => index < hops
}

function byAddress(networks: readonly string[]): (ip: string) => boolean {
  if (!Array.isArray(networks)) throw refused(networks)
  const list = new BlockList()
  if (!networks.every((network) => typeof network === 'string')) throw refused(networks)
  for (const network of networks.flatMap((name) => NAMED[name as keyof typeof NAMED] ?? [name])) {
    const [address = '', bits, more] = network.split('/')
    const family = isIP(address)
    const width = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits)
    if (family === 0 || more !== undefined || !/^\d*$/.test(bits ?? '') || width > (family === 6 ? 128 : 32))
      throw refused(network)
    list.addSubnet(address, width, family === 6 ? 'ipv6' : 'ipv4')
  }
  return (ip) => isIP(ip) !== 0 && list.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4')
}

function refused(value: unknown): MiddlewareError {
  return new MiddlewareError(
    'ERR_SHOP_MIDDLEWARE_OPTION',
    `trustProxy: expected a number of hops >= 0, or a list of addresses, networks, 'loopback', 'linklocal', 'uniquelocal'; received ${JSON.stringify(value)}`,
  )
}

function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

function first(value: string | undefined): string | undefined {
  return value?.split(',', 1)[0]!.trim() || undefined
}

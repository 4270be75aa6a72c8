import type { RequestView } from '@shop/middleware'

import { SecurityError } from './errors.ts'

/**
 * A test of `host[:port]` against a list. Without a port an entry means the default ports; `:*` means any.
 * @throws ERR_SHOP_SECURITY_HOST, and for an empty list
 */
export function hostMatcher(name: string, hosts: readonly string[]): (host: string) => boolean {
  if (!Array.isArray(hosts) || hosts.length === 0) {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_HOST',
      `${name} must list the hosts that this application answers for, such as "shop.example".`,
    )
  }
  const exact = new Set<string>()
  const shapes: string[] = []
  for (const host of hosts) {
    const parts = /^(\*\.)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:(?:\d{1,5}|\*))?$/.exec(host)
    if (!parts || (parts[1] && !parts[2]!.includes('.'))) {
      throw new SecurityError(
        'ERR_SHOP_SECURITY_HOST',
        `${name} has ${JSON.stringify(host)}; a host is "shop.example", "*.shop.example" (one label), "localhost:3000" or "localhost:*", in lower case.`,
      )
    }
    const [, wildcard, base, port] = parts
    if (!wildcard && port !== ':*') {
      exact.add(host)
      if (port === undefined) exact.add(`${host}:80`).add(`${host}:443`)
      continue
    }
    const label = wildcard ? '[a-z0-9_-]+\\.' : ''
    const ports = port === ':*' ? '(?::\\d{1,5})?' : (port ?? '(?::(?:80|443))?')
    shapes.push(label + base!.replace(/[.[\]]/g, String.raw`\$&`) + ports)
  }
  const any = shapes.length === 0 ? undefined : new RegExp(`^(?:${shapes.join('|')})$`)
  const serves = (host: string): boolean => exact.has(host) || (any !== undefined && any.test(host))
  // the fast path is the spelling that browsers send
  return (host) => serves(host) || serves(host.toLowerCase())
}

const overriding = ['x-original-url', 'x-rewrite-url', 'x-host', 'x-original-host', 'x-forwarded-server'] as const

/** Whether a forwarding header names a host that is not served, contradicts itself, or is there at all when none may be. */
export function forwardedFault(request: RequestView, served: (host: string) => boolean, none: boolean): boolean {
  for (const name of overriding) if (request.header(name) !== undefined) return true
  const host = request.header('x-forwarded-host')
  const proto = request.header('x-forwarded-proto')
  const port = request.header('x-forwarded-port')
  const standard = request.header('forwarded')
  if (host === undefined && proto === undefined && port === undefined && standard === undefined) {
    return none && request.header('x-forwarded-for') !== undefined
  }
  if (none) return true
  if (host !== undefined && !list(host).every(served)) return true
  if (proto !== undefined && !list(proto).every(isScheme)) return true
  if (port !== undefined && !list(port).every((value) => /^\d{1,5}$/.test(value))) return true
  return standard !== undefined && !isForwarded(standard, served)
}

function list(value: string): string[] {
  return value.split(',').map((part) => part.trim())
}

function isScheme(value: string): boolean {
  return value === 'https' || value === 'http'
}

/** RFC 7239, its `host` and `proto` parameters. */
function isForwarded(value: string, served: (host: string) => boolean): boolean {
  if (value.length > 2048) return false
  for (const element of value.split(/[,;]/)) {
    const pair = /^\s*([a-z]+)\s*=\s*(?:"([^"\\]*)"|([^\s"]*))\s*$/i.exec(element)
    if (!pair) return false
    const parameter = pair[1]!.toLowerCase()
    const given = pair[2] ?? pair[3]!
    if (parameter === 'host' && !served(given)) return false
    if (parameter === 'proto' && !isScheme(given)) return false
  }
  return true
}

import { existsSync, readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

import type { Look } from './check.ts'

/** Each receiver of an Alertmanager configuration: is its secret there, and does its host take connections? */
export function checkReceivers(config: string, timeout: number): readonly (readonly [name: string, look: Look])[] {
  const file = path.join(config, 'alertmanager/alertmanager.yml')
  if (!existsSync(file))
    return [
      [
        file,
        () => {
          throw new Error('is missing')
        },
      ],
    ]
  const text = readFileSync(file, 'utf8')
  const values = (key: string): string[] => [
    ...new Set([...text.matchAll(new RegExp(`^\\s*(?:- )?${key}: "?([^"\\n]+)"?$`, 'gm'))].map(([, value]) => value!)),
  ]
  const secrets = values('\\w+_file').map((secret) =>
    path.join(config, 'alertmanager', secret.replace(/^\/etc\/alertmanager\//, '')),
  )
  const hosts = new Set([
    ...values('smtp_smarthost'),
    ...values('url').map(hostOf),
    ...(text.includes('pagerduty_configs') ? ['events.pagerduty.com:443'] : []),
  ])
  for (const secret of secrets) {
    const value = secret.endsWith('_url') ? contentOf(secret) : ''
    if (URL.canParse(value)) hosts.add(hostOf(value))
  }
  return [
    ...secrets.map(
      (secret) =>
        [
          secret,
          () => {
            if (contentOf(secret) === '') throw new Error('is missing or empty')
            return 'there'
          },
        ] as const,
    ),
    ...[...hosts].map((host) => [host, () => reach(host, timeout)] as const),
  ]
}

function contentOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
}

function hostOf(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}

function reach(host: string, timeout: number): Promise<string> {
  const at = host.lastIndexOf(':')
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = net.connect({ host: host.slice(0, at), port: Number(host.slice(at + 1)), timeout })
  socket.once('connect', () => resolve('takes connections'))
  socket.once('timeout', () => reject(new Error(`no connection within ${timeout} ms`)))
  socket.once('error', reject)
  return promise.finally(() => socket.destroy())
}

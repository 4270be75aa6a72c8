import { existsSync, readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

import type { Look } from './check.ts'

/** Each receiver of an Alertmanager configuration: is its secret there, and does its host take connections? */
export function checkReceivers(config: string, timeout: number): readonly (readonly [name: string, look: Look])[] {
  const file = path.join(config, 'alertmanager/alertmanager.yml')
  if (!existsSync(file)) throw new Error(`${file} is missing`)
  const text = readFileSync(file, 'utf8')
  const values = (key: string): string[] => {
    const line = new RegExp(`^\\s*(?:- )?${key}:[ \\t]*["']?([^"'\\n]+?)["']?[ \\t\\r]*(?:[ \\t]#.*)?$`, 'gm')
    return [...new Set([...text.matchAll(line)].map(([, value]) => value!))]
  }
  const secrets = values('\\w+_file').map((secret) =>
    path.join(config, 'alertmanager', secret.replace(/^\/etc\/alertmanager\//, '')),
  )
  const urls = values('url')
  const hosts = new Set([
    ...values('smtp_smarthost'),
    ...[...urls, ...secrets.filter(holdsUrl).map(contentOf)].flatMap((url) => hostOf(url) ?? []),
    ...(text.includes('pagerduty_configs') ? ['events.pagerduty.com:443'] : []),
  ])
  return [
    ...secrets.map((secret) => [secret, () => lookAtSecret(secret)] as const),
    ...urls
      .filter((url) => hostOf(url) === undefined)
      .map((url) => {
        // by its line: a webhook's URL may be its secret
        const line = text.slice(0, text.indexOf(url)).split('\n').length
        const look = (): never => {
          throw new Error('the url is not an http(s) one')
        }
        return [`${file}:${line}`, look] as const
      }),
    ...[...hosts].map((host) => [host, () => reach(host, timeout)] as const),
  ]
}

function lookAtSecret(file: string): string {
  const content = contentOf(file)
  if (content === '') throw new Error('is missing, empty or not readable')
  if (holdsUrl(file) && hostOf(content) === undefined) throw new Error('holds no http(s) URL')
  return 'there'
}

function holdsUrl(file: string): boolean {
  return file.endsWith('_url')
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}

function hostOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const { hostname, port, protocol } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') return undefined
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}

function reach(host: string, timeout: number): Promise<string> {
  const at = host.lastIndexOf(':')
  if (!/:\d+$/.test(host)) throw new Error('is not host:port')
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = net.connect({
    host: host.slice(0, at).replaceAll(/[[\]]/g, ''),
    port: Number(host.slice(at + 1)),
    timeout,
  })
  socket.once('connect', () => resolve('takes connections'))
  socket.once('timeout', () => reject(new Error(`no connection within ${timeout} ms`)))
  socket.once('error', reject)
  return promise.finally(() => socket.destroy())
}

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { get, type Route } from './web.ts'

interface Asset {
  readonly path: string
  readonly type: string
  readonly body: string
}

/** The address carries the content's hash, so that browsers may keep it for ever. */
function hashed(name: string, type: string): Asset {
  const body = readFileSync(new URL(`assets/${name}`, import.meta.url), 'utf8')
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 8)
  return { path: `/assets/${hash}-${name}`, type, body }
}

export const stylesheet: Asset = hashed('shop.css', 'text/css; charset=utf-8')
const icon: Asset = { ...hashed('icon.svg', 'image/svg+xml'), path: '/assets/icon.svg' }

export const assetRoutes = (): Route[] =>
  [stylesheet, icon].map(({ path, type, body }) =>
    get(path, () => ({
      status: 200,
      headers: { 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' },
      body,
    })),
  )

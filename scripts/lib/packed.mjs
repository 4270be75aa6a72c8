import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { root } from './run.mjs'

/** Where the check "pack" puts tarballs, and a consumer's node_modules made from them. */
export const tarballs = path.join(root, '.toolchain/packed')
export const consumer = path.join(tarballs, 'consumer')

/** Every published package: its folder under packages/, its tarball, and package.json as published. */
export function packed() {
  const scope = path.join(consumer, 'node_modules/@shop')
  return readdirSync(scope).map((folder) => {
    const dir = path.join(scope, folder)
    const manifest = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8'))
    const tarball = path.join(tarballs, `shop-${folder}-${manifest.version}.tgz`)
    // a program is run, not imported
    const programs = Object.values(manifest.bin ?? {})
    const entries = Object.entries(manifest.exports)
      .filter(([, target]) => typeof target === 'object' && !programs.includes(target.default))
      .map(([key]) => path.posix.join(manifest.name, key))
    return { folder, dir, manifest, tarball, entries }
  })
}

import { readFileSync } from 'node:fs'
import path from 'node:path'

import type { Options } from 'tsup'

/** Build options every package shares; the entries are those package.json exports. tsup makes the JavaScript only: declarations come from tsc (TypeScript 7 has no compiler API for tsup's own). */
export function base(dir: string, options: Options = {}): Options {
  const { exports } = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8')) as {
    exports: Record<string, string>
  }
  const sources = Object.values(exports).filter((file) => file.endsWith('.ts'))
  return {
    entry: Object.fromEntries(sources.map((file) => [path.basename(file, '.ts'), path.join(dir, file)])),
    format: ['esm'],
    target: 'node22',
    platform: 'node',
    dts: false,
    splitting: true, // entries of one package share their modules, so state stays single
    clean: true,
    removeNodeProtocol: false, // the default writes "crypto" for "node:crypto"
    sourcemap: true,
    esbuildOptions(esbuild) {
      esbuild.sourcesContent = false // src/ is published beside dist/
    },
    ...options,
  }
}

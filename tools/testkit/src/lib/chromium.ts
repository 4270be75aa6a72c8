import { rmSync } from 'node:fs'

import { type BrowserContext, chromium as playwright, type LaunchOptions } from 'playwright-core'

import { here } from './needs.ts'
import { ownDirectory } from './spawn.ts'

/** Headless Chromium from PATH or .toolchain, never downloaded by playwright; closes with its profile. */
export async function chromium(options: LaunchOptions = {}): Promise<BrowserContext & AsyncDisposable> {
  const executablePath = here('chromium').programs.chromium!
  const dir = ownDirectory('chromium')
  const context = await playwright.launchPersistentContext(dir, {
    executablePath,
    args: ['--disable-dev-shm-usage'],
    ...options,
  })
  context.on('close', () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  return context
}

import { type BrowserContext, chromium as playwright, type LaunchOptions } from 'playwright-core'

import { here } from './needs.ts'
import { guardedDirectory } from './spawn.ts'

/** Headless Chromium from PATH or .toolchain, never downloaded by playwright; its profile goes when it closes. */
export async function chromium(options: LaunchOptions = {}): Promise<BrowserContext & AsyncDisposable> {
  const executablePath = here('chromium').programs.chromium!
  const { dir, remove } = guardedDirectory('chromium')
  const launch = { executablePath, args: ['--disable-dev-shm-usage'], ...options }
  const context = await playwright.launchPersistentContext(dir, launch).catch(async (error: unknown) => {
    await remove()
    throw error
  })
  const close = context.close.bind(context)
  return Object.assign(context, {
    async close(reason?: { reason?: string }) {
      await close(reason)
      await remove()
    },
    [Symbol.asyncDispose]: () => context.close(),
  })
}

import { BootError } from './boot-error.ts'
import { describeConfig, readConfig, type Config } from './config.ts'
import { createShop, type Shop } from './shop.ts'

/** Starts listening; gives back how to stop. */
export type Listen = (shop: Shop, at: Pick<Config, 'HOST' | 'PORT'>) => Promise<() => Promise<void>>

/**
 * The life of an app's process: configuration, database, listening, and an end in good order. Whatever keeps it from
 * running is one line on stderr and exit code 1. As a child it ends with its parent, however that ends.
 */
export async function run(name: string, listen: Listen): Promise<void> {
  try {
    const config = readConfig(process.env)
    const shop = await createShop(config)
    // jsdom takes half a second to load: now, rather than under somebody's review
    await shop.markup.ready()
    const close = await listen(shop, config).catch(async (error: unknown) => {
      await shop[Symbol.asyncDispose]()
      throw listenError(error, config)
    })
    onEnd(async () => {
      await close()
      await shop[Symbol.asyncDispose]()
    })
    console.log(`${name} shop at ${config.PUBLIC_URL}\n${describeConfig(config)}`)
    process.send?.('ready')
  } catch (error) {
    console.error(error instanceof BootError ? `${name}: ${error.message}` : error)
    process.exitCode = 1
    process.disconnect?.()
  }
}

function listenError(error: unknown, { HOST, PORT }: Config): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return new BootError(`port ${PORT} on ${HOST} is in use: stop what listens there, or set PORT`)
  if (code === 'EACCES')
    return new BootError(`port ${PORT} on ${HOST} may not be opened by this user: set PORT above 1023`)
  return error
}

function onEnd(end: () => Promise<void>): void {
  let ending: Promise<void> | undefined
  const once = () => {
    ending ??= end().finally(() => process.exit(0))
    // a request that never ends does not keep the process
    setTimeout(() => process.exit(1), 5_000).unref()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, once)
  process.on('disconnect', once)
}

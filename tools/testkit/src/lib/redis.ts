import { rmSync } from 'node:fs'

import { here } from './needs.ts'
import { freePort, type Guarded, guarded, ownDirectory } from './spawn.ts'

export interface RedisServer extends AsyncDisposable {
  /** `redis://127.0.0.1:port` */
  readonly url: string
  readonly port: number
  readonly pid: number
  log(): string
  /** SIGKILL: what was not on disk is lost. */
  kill9(): Promise<void>
  /** Starts it again on the same port and folder; stops it first when it runs. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** A Redis of the test's own, in memory only unless `args` say otherwise (`['--appendonly', 'yes']`). */
export async function redis(args: readonly string[] = []): Promise<RedisServer> {
  const program = here('redis').programs['redis-server']!
  const dir = ownDirectory('redis')
  const port = await freePort()
  const start = async (): Promise<Guarded> => {
    const child = guarded(program, ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', ...args], { dir })
    await child.until('Ready to accept connections')
    return child
  }
  let server = await start()
  const close = async (): Promise<void> => {
    await server.stop('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid
    },
    log: () => server.log(),
    kill9: () => server.stop('SIGKILL'),
    async restart() {
      await server.stop('SIGTERM')
      server = await start()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

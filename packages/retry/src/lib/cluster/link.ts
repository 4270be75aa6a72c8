import { randomUUID } from 'node:crypto'

import { Breaker } from '../breaker.ts'
import type { Duration } from '../duration.ts'
import { retryEvents } from '../events.ts'
import { decimal, duration, integer, readOptions, refused } from '../options.ts'
import { Quorum } from './quorum.ts'
import type { Transport } from './transport.ts'

/** How {@link clusterLink} shares. */
export interface ClusterLinkOptions {
  /** The breakers to share, by a name that is the same on every node. */
  readonly breakers: Readonly<Record<string, Breaker>>
  /** `postgresTransport()` or `redisTransport()`. */
  readonly transport: Transport
  /** More than this share of the nodes alive must find a circuit open. @default 0.5 */
  readonly quorum?: number
  /** And never fewer nodes than this. @default 2, so that one bad node cannot open the others */
  readonly least?: number
  /** How often a node says that it is alive. @default '1s' */
  readonly heartbeat?: Duration
}

/** A link that is up, until it is disposed. */
export interface ClusterLink extends AsyncDisposable {
  /** Whether the transport is connected; when not, every breaker decides alone. */
  readonly up: boolean
  /** How many nodes are heard now, this one included. */
  readonly nodes: number
}

const WHY = 'a quorum of the cluster'
const LONGEST = 4096

/**
 * Shares what breakers find between the nodes of a cluster: when more than half of them have opened a circuit by their own
 * evidence, the others open it too. Calls never wait for it: breakers are read and changed in memory, messages travel beside. When
 * the store is gone each node decides alone.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function clusterLink(options: ClusterLinkOptions): ClusterLink {
  const read = readOptions('clusterLink', options, {
    breakers: (option, value) => {
      const named = Object.values((value ?? {}) as object)
      if (named.length > 0 && named.every((each) => each instanceof Breaker)) return value as Record<string, Breaker>
      throw refused(option, value, 'an object with at least one breaker()')
    },
    transport: (option, value) => {
      if (typeof (value as Transport | undefined)?.send === 'function') return value as Transport
      throw refused(option, value, 'postgresTransport() or redisTransport()')
    },
    quorum: decimal(0, 0.99, 0.5),
    least: integer(1, 10_000, 2),
    heartbeat: duration('50ms', '1m', '1s'),
  })
  return new Link(
    read.breakers,
    read.transport,
    new Quorum(read.quorum, read.least, read.heartbeat * 3.5),
    read.heartbeat,
  )
}

class Link implements ClusterLink {
  readonly #node: string = randomUUID()
  readonly #breakers: Readonly<Record<string, Breaker>>
  readonly #transport: Transport
  readonly #quorum: Quorum
  readonly #found = new Set<string>()
  readonly #ends: (() => void)[]
  readonly #beat: NodeJS.Timeout
  #up = false

  constructor(breakers: Readonly<Record<string, Breaker>>, transport: Transport, quorum: Quorum, heartbeat: number) {
    this.#breakers = breakers
    this.#transport = transport
    this.#quorum = quorum
    this.#ends = Object.entries(breakers).map(([name, each]) =>
      each.onChange(({ to, why }) => {
        // what the cluster said is not this node's own finding, or two nodes would keep each other open
        if (to === 'open' && why !== WHY) this.#found.add(name)
        else if (to === 'closed') this.#found.delete(name)
        else return
        this.#say()
      }),
    )
    transport.start(
      (message) => this.#hear(message),
      (up) => this.#turned(up),
    )
    this.#beat = setInterval(() => this.#say(), heartbeat).unref()
  }

  get up(): boolean {
    return this.#up
  }

  get nodes(): number {
    return this.#quorum.alive(performance.now())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beat)
    for (const end of this.#ends) end()
    await this.#transport[Symbol.asyncDispose]()
  }

  #say(): void {
    const open = [...this.#found]
    this.#quorum.hear(this.#node, new Set(open), performance.now())
    void this.#transport.send(JSON.stringify({ node: this.#node, open }))
  }

  #hear(message: string): void {
    const said = parse(message)
    if (!said || said.node === this.#node) return
    const now = performance.now()
    this.#quorum.hear(said.node, said.open, now)
    for (const name of said.open) {
      if (Object.hasOwn(this.#breakers, name) && this.#quorum.reached(name, now)) this.#breakers[name]!.open(WHY)
    }
  }

  #turned(up: boolean): void {
    if (up === this.#up) return
    this.#up = up
    if (retryEvents.link.hasSubscribers) retryEvents.link.publish({ state: up ? 'up' : 'down' })
    if (up) this.#say()
  }
}

function parse(message: string): { node: string; open: ReadonlySet<string> } | undefined {
  if (message.length > LONGEST) return undefined
  try {
    const said = JSON.parse(message) as { node?: unknown; open?: unknown }
    if (typeof said?.node !== 'string' || said.node.length > 64 || !Array.isArray(said.open)) return undefined
    return { node: said.node, open: new Set(said.open.filter((each) => typeof each === 'string')) }
  } catch {
    return undefined
  }
}

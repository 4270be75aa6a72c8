/** What one node last said. */
interface Voice {
  heardAt: number
  readonly open: ReadonlySet<string>
}

const MOST_NODES = 10_000

/** Counts who is alive and who finds a circuit open by its own evidence. A node that has fallen silent has no voice. */
export class Quorum {
  readonly #voices = new Map<string, Voice>()
  readonly #share: number
  readonly #least: number
  readonly #silenceMs: number

  constructor(share: number, least: number, silenceMs: number) {
    this.#share = share
    this.#least = least
    this.#silenceMs = silenceMs
  }

  hear(node: string, open: ReadonlySet<string>, now: number): void {
    if (!this.#voices.has(node) && this.#voices.size >= MOST_NODES) return
    this.#voices.set(node, { heardAt: now, open })
  }

  /** How many nodes are alive. */
  alive(now: number): number {
    for (const [node, voice] of this.#voices) if (now - voice.heardAt > this.#silenceMs) this.#voices.delete(node)
    return this.#voices.size
  }

  /** Whether enough nodes find this breaker open: more than the share of those alive, and never fewer than the least. */
  reached(breaker: string, now: number): boolean {
    const alive = this.alive(now)
    let open = 0
    for (const voice of this.#voices.values()) if (voice.open.has(breaker)) open++
    return open >= this.#least && open > alive * this.#share
  }
}

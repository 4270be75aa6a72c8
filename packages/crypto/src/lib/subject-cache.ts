import type { Vault } from './vault.ts'

interface Entry {
  readonly vault: Vault
  readonly until: number
}

/** Opened subject keys, at most `limit` of them and none older than `age` milliseconds; the least recently used goes first. */
export class SubjectCache {
  readonly #entries = new Map<string, Entry>()
  readonly #limit: number
  readonly #age: number
  readonly #now: () => number

  constructor(limit: number, age: number, now: () => number) {
    this.#limit = limit
    this.#age = age
    this.#now = now
  }

  get(ref: string): Vault | undefined {
    const entry = this.#entries.get(ref)
    if (entry === undefined) return undefined
    this.#entries.delete(ref)
    if (entry.until <= this.#now()) return undefined
    this.#entries.set(ref, entry)
    return entry.vault
  }

  set(ref: string, vault: Vault): void {
    if (this.#limit === 0 || this.#age === 0) return
    this.#entries.delete(ref)
    this.#entries.set(ref, { vault, until: this.#now() + this.#age })
    if (this.#entries.size > this.#limit) this.#entries.delete(this.#entries.keys().next().value as string)
  }

  delete(ref: string): void {
    this.#entries.delete(ref)
  }

  clear(): void {
    this.#entries.clear()
  }
}

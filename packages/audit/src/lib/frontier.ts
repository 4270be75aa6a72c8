import { nodeHash } from './merkle.ts'

/**
 * A tree that is only ever appended to and asked for its root: the perfect subtrees of its right edge, one a bit of
 * its size. Beside them it keeps the roots every 256 leaves, which the upper tiles must be.
 */
export class Frontier {
  readonly #subtrees: { readonly height: number; readonly hash: Uint8Array }[] = []
  /** The roots of height 8, of height 16 and so on, in order. */
  readonly levels: Uint8Array[][] = []

  push(leaf: Uint8Array): void {
    let height = 0
    let hash = leaf
    for (let last = this.#subtrees.at(-1); last?.height === height; last = this.#subtrees.at(-1)) {
      this.#subtrees.pop()
      hash = nodeHash(last.hash, hash)
      height++
      if (height % 8 === 0) (this.levels[height / 8 - 1] ??= []).push(Uint8Array.from(hash)) // a copy: the pool it lies in can go
    }
    this.#subtrees.push({ height, hash })
  }

  /** The RFC 6962 root; the tree must not be empty. */
  root(): Uint8Array {
    let root = this.#subtrees.at(-1)!.hash
    for (let i = this.#subtrees.length - 2; i >= 0; i--) root = nodeHash(this.#subtrees[i]!.hash, root)
    return root
  }
}

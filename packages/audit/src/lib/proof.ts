import { timingSafeEqual } from 'node:crypto'

import { emptyRoot, HASH_BYTES, nodeHash } from './merkle.ts'

/** That the leaf at `index` is in the tree of `size` leaves whose root is `root`. */
export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leafHash: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** That the tree of `size2` leaves begins with the tree of `size1` leaves, unchanged. */
export interface ConsistencyClaim {
  readonly size1: number
  readonly size2: number
  readonly root1: Uint8Array
  readonly root2: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** An inclusion inside the subtree `[start, end)`, whose root is `root`. */
export interface SubtreeInclusionClaim extends Omit<InclusionClaim, 'size'> {
  readonly start: number
  readonly end: number
}

/** That the subtree `[start, end)` with root `root1` is part of the tree of `size` leaves with root `root2`. */
export interface SubtreeConsistencyClaim extends Omit<ConsistencyClaim, 'size1' | 'size2'> {
  readonly start: number
  readonly end: number
  readonly size: number
}

/** Whether the inclusion proof holds (RFC 9162 section 2.1.3.2, the verification RFC 6962 leaves out). */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size, leafHash, root, proof } = claim
  if (!isCount(index) || !isCount(size) || index >= size) return false
  if (!areHashes([leafHash, root], proof)) return false
  let first = index
  let last = size - 1
  let node = leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (isOdd(first) || first === last) {
      node = nodeHash(sibling, node)
      while (!isOdd(first) && first !== 0) {
        first = half(first)
        last = half(last)
      }
    } else {
      node = nodeHash(node, sibling)
    }
    first = half(first)
    last = half(last)
  }
  return last === 0 && equal(node, root)
}

/** Whether the consistency proof holds (RFC 9162 section 2.1.4.2). An empty first tree proves nothing and is refused. */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  return claim.size1 > 0 && verifySubtreeConsistency({ ...claim, start: 0, end: claim.size1, size: claim.size2 })
}

/** Whether the inclusion in a subtree holds (draft-ietf-plants-merkle-tree-certs section 4.3). */
export function verifySubtreeInclusion(claim: SubtreeInclusionClaim): boolean {
  const { start, end, index } = claim
  if (!isSubtree(start, end) || index < start) return false
  return verifyInclusion({ ...claim, index: index - start, size: end - start })
}

/** Whether the subtree is part of the tree (draft-ietf-plants-merkle-tree-certs section 4.4). */
export function verifySubtreeConsistency(claim: SubtreeConsistencyClaim): boolean {
  const { start, end, size, root1, root2, proof } = claim
  if (!isCount(start) || !isCount(size) || end > size) return false
  if (start === end) return proof.length === 0 && equal(root1, emptyRoot())
  if (!isSubtree(start, end)) return false
  if (start === 0 && end === size) return proof.length === 0 && equal(root1, root2)
  if (!areHashes([root1, root2], proof)) return false
  let first = start
  let second = end - 1
  let last = size - 1
  const shift = (): void => {
    first = half(first)
    second = half(second)
    last = half(last)
  }
  while (first !== second && (second === last || isOdd(second))) shift()
  const rest = [...proof]
  let seed = root1
  if (first !== second) {
    const head = rest.shift()
    if (!head) return false
    seed = head
  }
  let inner = seed
  let outer = seed
  for (const sibling of rest) {
    if (last === 0) return false
    if (isOdd(second) || second === last) {
      if (first < second) inner = nodeHash(sibling, inner)
      outer = nodeHash(sibling, outer)
      while (!isOdd(second) && second !== 0) shift()
    } else {
      outer = nodeHash(outer, sibling)
    }
    shift()
  }
  return last === 0 && equal(inner, root1) && equal(outer, root2)
}

/** A subtree is aligned: its start is a multiple of the smallest power of two that holds it. */
function isSubtree(start: number, end: number): boolean {
  if (!isCount(start) || !isCount(end) || start >= end) return false
  let width = 1
  while (width < end - start) width *= 2
  return start % width === 0
}

function areHashes(roots: readonly Uint8Array[], proof: readonly Uint8Array[]): boolean {
  return [...roots, ...proof].every((hash) => hash.length === HASH_BYTES)
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const isOdd = (n: number): boolean => n % 2 === 1
const half = (n: number): number => Math.floor(n / 2)

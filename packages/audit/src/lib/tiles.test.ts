import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { leafHash, nodeHash, splitPoint } from './merkle.ts'
import { verifyConsistency, verifyInclusion } from './proof.ts'
import { RightEdge, type TileReader, TileTree } from './tiles.ts'

/** The definition of RFC 6962 section 2.1, as it is written there. */
function definition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!
  const k = splitPoint(leaves.length)
  return nodeHash(definition(leaves.slice(0, k)), definition(leaves.slice(k)))
}

async function grow(batches: readonly number[]): Promise<{ edge: RightEdge; leaves: Buffer[]; read: TileReader }> {
  const stored = new Map<string, Uint8Array>()
  const read: TileReader = (level, index) => {
    const tile = stored.get(`${level}/${index}`)
    return tile ? Promise.resolve(tile) : Promise.reject(new Error(`no tile ${level}/${index}`))
  }
  const leaves: Buffer[] = []
  let edge = await RightEdge.load(0, read)
  for (const count of batches) {
    const fresh = Array.from({ length: count }, (_, i) => leafHash(`leaf ${leaves.length + i}`))
    for (const tile of edge.append(fresh)) stored.set(`${tile.level}/${tile.index}`, tile.hashes)
    leaves.push(...fresh)
    edge = await RightEdge.load(leaves.length, read)
  }
  return { edge, leaves, read }
}

describe('a tree in tiles', () => {
  it('has the root of the definition, whatever the batches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }), async (batches) => {
        const { edge, leaves } = await grow(batches)
        expect(edge.root().equals(definition(leaves))).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  it('proves every inclusion and consistency a verifier accepts, and nothing else', async () => {
    const { leaves, read } = await grow([700])
    const tree = new TileTree(700, read)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 700 }), fc.nat(), fc.nat(), async (size, a, b) => {
        const index = a % size
        const root = Buffer.from(definition(leaves.slice(0, size)))
        expect((await tree.root(size)).equals(root)).toBe(true)
        const proof = await tree.inclusionProof(index, size)
        const claim = { index, size, leafHash: leaves[index]!, root, proof }
        expect(verifyInclusion(claim)).toBe(true)
        expect(verifyInclusion({ ...claim, leafHash: leafHash('forged') })).toBe(false)
        const size1 = 1 + (b % size)
        const root1 = Buffer.from(definition(leaves.slice(0, size1)))
        const path = await tree.consistencyProof(size1, size)
        expect(verifyConsistency({ size1, size2: size, root1, root2: root, proof: path })).toBe(true)
        expect(verifyConsistency({ size1, size2: size, root1: leafHash('x'), root2: root, proof: path })).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  it('crosses three tile levels, where an inclusion proof among a million leaves is at most 640 bytes', async () => {
    const { edge, leaves, read } = await grow([65_536, 70_000])
    const tree = new TileTree(leaves.length, read)
    const proof = await tree.inclusionProof(66_000, leaves.length)
    expect(
      verifyInclusion({ index: 66_000, size: leaves.length, leafHash: leaves[66_000]!, root: edge.root(), proof }),
    ).toBe(true)
    expect(Math.ceil(Math.log2(1_000_000)) * 32).toBeLessThanOrEqual(640)
  })

  it.each([
    ['an index outside', (t: TileTree) => t.inclusionProof(10, 10)],
    ['a size beyond the tree', (t: TileTree) => t.root(11)],
    ['an empty first tree', (t: TileTree) => t.consistencyProof(0, 10)],
  ])('refuses %s', async (_, ask) => {
    const { read } = await grow([10])
    await expect(async () => ask(new TileTree(10, read))).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_SIZE' })
  })
})

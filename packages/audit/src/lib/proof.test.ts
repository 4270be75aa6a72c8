import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

import { expect, it } from 'vitest'

import { corpus } from '@shop/testkit'

import { verifyConsistency, verifyInclusion, verifySubtreeConsistency, verifySubtreeInclusion } from './proof.ts'

interface Probe {
  readonly [name: string]: unknown
  readonly wantErr: boolean
}

const bytes = (value: unknown): Buffer => Buffer.from((value as string | null) ?? '', 'base64')
const proofOf = (probe: Probe): Buffer[] => ((probe['proof'] as string[] | null) ?? []).map(bytes)
const number = (probe: Probe, name: string): number => probe[name] as number

const verifiers: Record<string, (probe: Probe) => boolean> = {
  inclusion: (p) =>
    verifyInclusion({
      index: number(p, 'leafIdx'),
      size: number(p, 'treeSize'),
      leafHash: bytes(p['leafHash']),
      root: bytes(p['root']),
      proof: proofOf(p),
    }),
  consistency: (p) =>
    verifyConsistency({
      size1: number(p, 'size1'),
      size2: number(p, 'size2'),
      root1: bytes(p['root1']),
      root2: bytes(p['root2']),
      proof: proofOf(p),
    }),
  subtreeinclusion: (p) =>
    verifySubtreeInclusion({
      index: number(p, 'leafIdx'),
      start: number(p, 'start'),
      end: number(p, 'end'),
      leafHash: bytes(p['leafHash']),
      root: bytes(p['root']),
      proof: proofOf(p),
    }),
  subtreeconsistency: (p) =>
    verifySubtreeConsistency({
      start: number(p, 'start'),
      end: number(p, 'end'),
      size: number(p, 'size'),
      root1: bytes(p['root1']),
      root2: bytes(p['root2']),
      proof: proofOf(p),
    }),
}

it('agrees with all 518 published Merkle probes', () => {
  const folder = corpus('audit/merkle')
  let probes = 0
  const wrong: string[] = []
  for (const [kind, verify] of Object.entries(verifiers)) {
    for (const file of readdirSync(path.join(folder, kind), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.json')) continue
      const probe = JSON.parse(readFileSync(path.join(folder, kind, file), 'utf8')) as Probe
      probes++
      if (verify(probe) === probe.wantErr) wrong.push(`${kind}/${file} (wantErr ${probe.wantErr})`)
    }
  }
  expect(wrong).toEqual([])
  expect(probes).toBe(518)
})

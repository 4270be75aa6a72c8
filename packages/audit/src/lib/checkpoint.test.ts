import { createPrivateKey, generateKeyPairSync } from 'node:crypto'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { checkpointSigner, checkpointVerifier } from './checkpoint.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const signer = checkpointSigner({ name: 'shop.example/audit', key: privateKey })
const checkpoint = {
  origin: 'shop.example/audit',
  size: 42,
  root: Buffer.alloc(32, 7),
  extensions: ['sealed 2026-11-24T07:00:00.000Z'],
}

describe('checkpoints (C2SP tlog-checkpoint, signed-note)', () => {
  it('has the form other tools read', () => {
    const note = signer.sign(checkpoint)
    expect(note).toMatch(
      /^shop\.example\/audit\n42\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\nsealed [^\n]+\n\n— shop\.example\/audit [A-Za-z0-9+/=]+\n$/,
    )
    expect(signer.verifierKey).toMatch(/^shop\.example\/audit\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}$/)
  })

  it('derives the key id published for a known key', () => {
    // RFC 8032 section 7.1, test 1; the id is SHA-256("example.com/foo" "\n" 0x01 key)[:4]
    const pkcs8 = Buffer.concat([
      Buffer.from('302e020100300506032b657004220420', 'hex'),
      Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'),
    ])
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    const known = checkpointSigner({ name: 'example.com/foo', key })
    expect(Buffer.from(known.verifierKey.split('+').slice(2).join('+'), 'base64').subarray(1).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
  })

  it('opens what it signed, and refuses every flipped bit', () => {
    const verifier = checkpointVerifier(signer.verifierKey)
    const note = signer.sign(checkpoint)
    expect(verifier.open(note)).toEqual(checkpoint)
    const bytes = Buffer.from(note)
    fc.assert(
      fc.property(fc.nat(bytes.length - 2), fc.nat(7), (at, bit) => {
        const forged = Buffer.from(bytes)
        forged[at]! ^= 1 << bit
        let opened: unknown
        try {
          opened = verifier.open(forged.toString())
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_SHOP_AUDIT_CHECKPOINT' })
          return
        }
        expect(opened).toEqual(checkpoint) // only base64's unused bits may differ
      }),
      { numRuns: 500 },
    )
  })

  it('refuses another signer under the same name', () => {
    const other = checkpointSigner({ name: signer.name, key: generateKeyPairSync('ed25519').privateKey })
    expect(() => checkpointVerifier(other.verifierKey).open(signer.sign(checkpoint))).toThrow('not signed by')
  })

  it('accepts further signatures, a witness above all', () => {
    const witness = checkpointSigner({ name: 'witness.example', key: generateKeyPairSync('ed25519').privateKey })
    const line = witness.sign(checkpoint).split('\n\n')[1]!
    const note = signer.sign(checkpoint) + line
    expect(checkpointVerifier(witness.verifierKey).open(note)).toEqual(checkpoint)
    expect(checkpointVerifier(signer.verifierKey).open(note)).toEqual(checkpoint)
  })

  it.each([
    [
      'an RSA key',
      () => checkpointSigner({ name: 'a', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey }),
    ],
    ['a name with a space', () => checkpointSigner({ name: 'a b', key: privateKey })],
    ['a verifier key with a wrong id', () => checkpointVerifier(signer.verifierKey.replace(/\+\w{8}\+/, '+00000000+'))],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SHOP_AUDIT_OPTION' }))
  })

  it('never signs a line that would read as two', () => {
    expect(() => signer.sign({ ...checkpoint, origin: 'a\n1' })).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_AUDIT_CHECKPOINT' }),
    )
  })
})

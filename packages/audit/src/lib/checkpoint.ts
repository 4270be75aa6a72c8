import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto'

import { AuditError } from './errors.ts'
import { HASH_BYTES } from './merkle.ts'

/**
 * A statement about the whole trail, in the text form of C2SP tlog-checkpoint: origin, size, root, then optional
 * lines of the log's own. Whoever keeps one outside the database can later prove what the trail was.
 */
export interface Checkpoint {
  /** Names the trail, as a URL without its scheme: `shop.example/audit`. */
  readonly origin: string
  /** Events in the tree. */
  readonly size: number
  /** The RFC 6962 root over them. */
  readonly root: Uint8Array
  /** Extension lines; ours carries the sealing time. */
  readonly extensions: readonly string[]
}

/** Signs checkpoints with Ed25519 under a name (C2SP signed-note). */
export interface CheckpointSigner {
  readonly name: string
  /** What a verifier needs, `name+keyid+key`: publish it where the database's administrator cannot change it. */
  readonly verifierKey: string
  sign(checkpoint: Checkpoint): string
}

/** Checks one signer's checkpoints. */
export interface CheckpointVerifier {
  readonly name: string
  /** @throws ERR_SHOP_AUDIT_CHECKPOINT when it is malformed or not signed by this key. */
  open(note: string): Checkpoint
}

const ED25519 = 1
const keyName = /^[^\s+]+$/

/** A signer over an Ed25519 private key, given as a KeyObject or PEM. @throws ERR_SHOP_AUDIT_OPTION */
export function checkpointSigner(options: {
  readonly name: string
  readonly key: KeyObject | string
}): CheckpointSigner {
  const { name } = options
  if (!keyName.test(name)) throw option('name', 'a name without spaces or plus signs')
  const key = typeof options.key === 'string' ? createPrivateKey(options.key) : options.key
  if (key.asymmetricKeyType !== 'ed25519' || key.type !== 'private') throw option('key', 'an Ed25519 private key')
  const raw = publicBytes(createPublicKey(key))
  const id = keyId(name, raw)
  return {
    name,
    verifierKey: `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(ED25519), raw]).toString('base64')}`,
    sign(checkpoint) {
      const text = checkpointText(checkpoint)
      const signature = Buffer.concat([id, sign(null, Buffer.from(text), key)])
      return `${text}\n\u2014 ${name} ${signature.toString('base64')}\n`
    },
  }
}

/** A verifier over a verifier key (`name+keyid+key`). @throws ERR_SHOP_AUDIT_OPTION */
export function checkpointVerifier(verifierKey: string): CheckpointVerifier {
  const [name = '', hexId = '', ...rest] = verifierKey.split('+')
  const bytes = Buffer.from(rest.join('+'), 'base64')
  const raw = bytes.subarray(1)
  if (bytes[0] !== ED25519 || raw.length !== 32 || keyId(name, raw).toString('hex') !== hexId)
    throw option('verifierKey', 'name+keyid+key with an Ed25519 key')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
  const id = keyId(name, raw)
  return {
    name,
    open(note) {
      const end = note.lastIndexOf('\n\n')
      if (end < 0) throw bad('no signature')
      const text = note.slice(0, end + 1)
      const signed = note
        .slice(end + 2)
        .split('\n')
        .some((line) => isSignedBy(line, text))
      if (!signed) throw bad(`not signed by ${name}`)
      return parseCheckpoint(text)
    },
  }

  function isSignedBy(line: string, text: string): boolean {
    const prefix = `\u2014 ${name} `
    if (!line.startsWith(prefix)) return false
    const bytes = Buffer.from(line.slice(prefix.length), 'base64')
    if (bytes.length !== 4 + 64 || !timingSafeEqual(bytes.subarray(0, 4), id)) return false
    return verify(null, Buffer.from(text), key, bytes.subarray(4))
  }
}

function checkpointText(checkpoint: Checkpoint): string {
  const lines = [checkpoint.origin, String(checkpoint.size), Buffer.from(checkpoint.root).toString('base64')]
  lines.push(...checkpoint.extensions)
  if (lines.some((line) => line === '' || /[\n\r]/.test(line))) throw bad('an empty line or a line break in a line')
  return `${lines.join('\n')}\n`
}

function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', count = '', root64 = '', ...rest] = text.split('\n')
  const root = Buffer.from(root64, 'base64')
  if (!origin || !/^(0|[1-9]\d{0,15})$/.test(count)) throw bad('no origin or size')
  if (root.length !== HASH_BYTES || root.toString('base64') !== root64) throw bad('no root hash')
  return { origin, size: Number(count), root, extensions: rest.slice(0, -1) }
}

/** Signed-note's key id: the first four bytes of SHA-256 over name, newline, type and key. */
function keyId(name: string, raw: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), raw]), 'buffer').subarray(0, 4)
}

function publicBytes(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
}

const bad = (found: string): AuditError =>
  new AuditError('ERR_SHOP_AUDIT_CHECKPOINT', `the checkpoint has ${found}; expected a C2SP tlog-checkpoint`)

const option = (name: string, expected: string): AuditError =>
  new AuditError('ERR_SHOP_AUDIT_OPTION', `${name} must be ${expected}`)

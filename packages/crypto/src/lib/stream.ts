import { Transform } from 'node:stream'
import { chunkBytes, chunkedHead, ChunkedMessage, saltBytes, sealedChunkBytes } from './chunked.ts'
import { writeContext } from './context.ts'
import type { FieldContext } from './context.ts'
import { frameHead, maxContextBytes } from './frame.ts'
import { gcmTagBytes } from './gcm.ts'
import type { KeySuites } from './key-suites.ts'
import { Pieces } from './pieces.ts'
import { randomInto } from './random.ts'
import { refusal } from './refusal.ts'
import { header, magic, suites } from './token.ts'
import type { TokenHeader } from './token.ts'
import type { Vault } from './vault.ts'

/** Bytes before the first chunk: token header, salt, commitment. */
export const streamHead: number = 6 + chunkedHead

/**
 * A stream that encrypts what is written to it (suite 0x10), in constant memory.
 * @throws ERR_SHOP_CRYPTO_CONTEXT, ERR_SHOP_CRYPTO_KEY_WINDOW
 */
export function createEncryptStream(vault: Vault, context: FieldContext): Transform {
  const key = vault.keyset.encrypting()
  const head = Buffer.alloc(streamHead)
  header(head, 0, suites.chunked, key.id)
  randomInto(head, 6, saltBytes)
  const message = messageOf(key.suites as KeySuites, key.id, head, context)
  head.set(message.commitment, 6 + saltBytes)
  const pieces = new Pieces(chunkBytes)
  let index = 0
  return new Transform({
    construct(done): void {
      this.push(head)
      done()
    },
    transform(data: Buffer, _encoding, done): void {
      const out: Buffer[] = []
      for (const chunk of pieces.take(data)) out.push(...message.seal(index++, chunk))
      // one copy costs less than eight writes of a file
      done(null, out.length > 0 ? Buffer.concat(out) : undefined)
    },
    flush(done): void {
      done(null, Buffer.concat(message.seal(index, pieces.rest())))
    },
  })
}

/**
 * A stream that decrypts what {@link createEncryptStream} made, in constant memory. Every byte it gives is authentic and in its
 * place, but that the end was reached is known only when it ends without an error: act on the whole only then.
 * It fails with `DecryptionError`.
 */
export function createDecryptStream(vault: Vault, context: FieldContext): Transform {
  const pieces = new Pieces(streamHead, sealedChunkBytes)
  let message: ChunkedMessage | undefined
  let index = 0
  const open = (piece: Buffer): Buffer | undefined => {
    if (message === undefined) {
      message = openHead(vault, piece, context)
      pieces.size = sealedChunkBytes
      return undefined
    }
    const plain = message.open(index++, piece)
    if (plain === undefined) throw refusal('failed-check', context)
    return plain
  }
  return new Transform({
    transform(data: Buffer, _encoding, done): void {
      try {
        for (const piece of pieces.take(data)) {
          const plain = open(piece)
          if (plain) this.push(plain)
        }
        done()
      } catch (error) {
        done(error as Error)
      }
    },
    flush(done): void {
      try {
        const last = pieces.rest()
        if (message === undefined || last.length < gcmTagBytes) throw refusal('malformed', context)
        done(null, open(last))
      } catch (error) {
        done(error as Error)
      }
    },
  })
}

/** Reads the head of an encrypted stream and checks its commitment. @throws DecryptionError */
export function openHead(vault: Vault, head: Buffer, context: FieldContext): ChunkedMessage {
  const named = readStreamHead(head)
  if (named === undefined) throw refusal('malformed', context)
  if (named.suite !== suites.chunked) throw refusal('suite-not-allowed', context, named)
  const key = vault.keyset.get(named.keyId)
  if (key?.suites === undefined) throw refusal(key === undefined ? 'unknown-key' : 'destroyed-key', context, named)
  const message = messageOf(key.suites, named.keyId, head, context)
  if (!message.committed(head.subarray(6 + saltBytes, streamHead))) throw refusal('failed-check', context, named)
  return message
}

function readStreamHead(head: Buffer): TokenHeader | undefined {
  if (head.length < streamHead || head[0] !== magic) return undefined
  return { suite: head[1] as number, keyId: head.readUInt32BE(2) }
}

function messageOf(keySuites: KeySuites, keyId: number, head: Buffer, context: FieldContext): ChunkedMessage {
  const room = Buffer.alloc(frameHead + maxContextBytes)
  const end = writeContext(room, frameHead, suites.chunked, keyId, context)
  return new ChunkedMessage(keySuites.chunked, head.subarray(6, 6 + saltBytes), room.subarray(frameHead, end))
}

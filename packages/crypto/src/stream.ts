export { createDecryptStream, createEncryptStream } from './lib/stream.ts'
export { EncryptedFile, openEncryptedFile } from './lib/encrypted-file.ts'
export type { RandomReader } from './lib/encrypted-file.ts'

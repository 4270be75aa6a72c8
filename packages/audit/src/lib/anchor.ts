import { open } from 'node:fs/promises'

import { AuditError } from './errors.ts'
import { checkNames, type Duration, duration, optionError } from './options.ts'
import { type S3Options, putObject, s3Target } from './s3.ts'

/** A place outside the database that keeps checkpoints; whoever may change the database must not be able to change it. */
export interface Anchor {
  readonly name: string
  /** Keeps a checkpoint for good. @throws ERR_SHOP_AUDIT_ANCHOR */
  put(note: string, size: number, signal: AbortSignal): Promise<void>
}

/** Appends checkpoints to a file and syncs it: on another machine's mount, or one only append is allowed on (`chattr +a`). */
export function fileAnchor(options: { readonly path: string }): Anchor {
  checkNames('fileAnchor', options, ['path'])
  if (typeof options.path !== 'string' || options.path === '') throw optionError('fileAnchor', 'path', 'is missing')
  return {
    name: 'file',
    async put(note) {
      try {
        const file = await open(options.path, 'a', 0o640)
        try {
          await file.appendFile(`${note}\n`)
          await file.sync()
        } finally {
          await file.close()
        }
      } catch (error) {
        throw failed('file', error)
      }
    },
  }
}

/** The checkpoints of a file anchor, oldest first. */
export function parseAnchorFile(text: string): string[] {
  return text
    .split(/(?<=\n)\n(?=[^\u2014])/)
    .reduce<string[]>((notes, part) => {
      if (part.startsWith('\u2014') || notes.length === 0 || notes.at(-1)!.includes('\n\u2014')) notes.push(part)
      else notes[notes.length - 1] += `\n${part}`
      return notes
    }, [])
    .map((note) => note.replace(/\n*$/, '\n'))
    .filter((note) => note.trim() !== '')
}

/** Posts checkpoints as text/plain to a service that keeps them. */
export function webhookAnchor(options: {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** @default '5s' */
  readonly timeout?: Duration
}): Anchor {
  checkNames('webhookAnchor', options, ['url', 'headers', 'timeout'])
  if (!URL.canParse(options.url) || !/^https?:/.test(options.url))
    throw optionError('webhookAnchor', 'url', 'is not an http or https URL')
  const ms = duration('webhookAnchor', 'timeout', options.timeout, 5000, [100, 120_000])
  return {
    name: 'webhook',
    async put(note, _size, signal) {
      try {
        const response = await fetch(options.url, {
          method: 'POST',
          headers: { 'content-type': 'text/plain; charset=utf-8', ...options.headers },
          body: note,
          redirect: 'error',
          signal: AbortSignal.any([signal, AbortSignal.timeout(ms)]),
        })
        await response.body?.cancel()
        if (!response.ok) throw new Error(`answered ${response.status}`)
      } catch (error) {
        throw failed('webhook', error)
      }
    },
  }
}

/** Puts every checkpoint as an object of its own under a prefix; use a bucket with object lock in compliance mode. */
export function s3Anchor(options: S3Options & { /** @default '5s' */ readonly timeout?: Duration }): Anchor {
  const target = s3Target(options)
  const ms = duration('s3Anchor', 'timeout', options.timeout, 5000, [100, 120_000])
  return {
    name: 's3',
    async put(note, size, signal) {
      try {
        const name = `${String(size).padStart(16, '0')}.checkpoint`
        await putObject(target, name, note, AbortSignal.any([signal, AbortSignal.timeout(ms)]))
      } catch (error) {
        throw failed('s3', error)
      }
    },
  }
}

const failed = (name: string, cause: unknown): AuditError =>
  new AuditError('ERR_SHOP_AUDIT_ANCHOR', `the ${name} anchor did not take the checkpoint`, { cause })

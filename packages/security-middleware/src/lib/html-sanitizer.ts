import { setImmediate } from 'node:timers/promises'

import { checkMarkup } from './html-budget.ts'
import { type HtmlAllowList, htmlAllowList, type HtmlPreset } from './html-allow-list.ts'
import { htmlFastPath } from './html-fast-path.ts'
import { integer, knownOptions } from './options.ts'
import { domPurifier, type Purifier } from './purifier.ts'

/** Options of {@link htmlSanitizer}. */
export interface HtmlSanitizerOptions {
  /** What may stay. @default 'review' */
  readonly allow?: HtmlPreset | HtmlAllowList
  /** The longest fragment, in UTF-16 units; a longer one throws. @default 65536 */
  readonly maxLength?: number
  /** A JSDOM to use instead of one of its own. Any other DOM is refused. */
  readonly dom?: object
}

/** What came of one fragment. */
export interface SanitizedHtml {
  readonly html: string
  /** Elements and attributes taken out. */
  readonly removed: number
}

/** Makes fragments of HTML harmless. */
export interface HtmlSanitizer extends Disposable {
  /**
   * The harmless form: at once for the common, safe subset, as a promise for all else.
   * @throws ERR_SHOP_SECURITY_MARKUP, or the promise rejects with it, when the fragment is too long, too deep or has too many tags.
   */
  sanitize(markup: string): SanitizedHtml | Promise<SanitizedHtml>
  /** Many at once; lets other work run in between. */
  sanitizeAll(markups: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<SanitizedHtml[]>
  /** Loads jsdom now (0.5 s, 110 MB), so that no request has to wait for it. */
  ready(): Promise<void>
}

/** After this many documents the event loop gets a turn: jsdom frees its nodes only then. */
const stint = 16

/**
 * A sanitiser by allow-list: DOMPurify over jsdom, behind a fast path for what needs no DOM (plain text, paragraphs, lists,
 * emphasis, plain links) that gives the same bytes. Sanitise when HTML comes in, once, and encode everything else when it goes out.
 *
 * @throws ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_DOM
 * @example
 * const reviews = htmlSanitizer({ allow: 'review' })
 * const { html } = await reviews.sanitize('<p>Fits <b>well</b><script>steal()</script></p>')   // <p>Fits <b>well</b></p>
 */
export function htmlSanitizer(options: HtmlSanitizerOptions = {}): HtmlSanitizer {
  knownOptions('htmlSanitizer()', options, ['allow', 'maxLength', 'dom'])
  const list = htmlAllowList('allow', options.allow)
  const maxLength = integer('maxLength', options.maxLength, 65_536, [1, 4_194_304])
  const fastPath = htmlFastPath(list)
  let loading: Promise<Purifier> | undefined
  let queue: Promise<unknown> = Promise.resolve()
  let since = 0

  const load = (): Promise<Purifier> => (loading ??= domPurifier(list, options.dom))

  async function slowPath(markup: string): Promise<SanitizedHtml> {
    const purifier = await load()
    if (++since >= stint) {
      since = 0
      await setImmediate()
    }
    return purifier.purify(markup)
  }

  function sanitize(markup: string): SanitizedHtml | Promise<SanitizedHtml> {
    checkMarkup(markup, maxLength)
    const html = fastPath(markup)
    if (html !== undefined) return { html, removed: 0 }
    // one after the other, so that the turns given to the event loop hold for all callers together
    const turn = queue.then(() => slowPath(markup))
    queue = turn.catch(() => undefined)
    return turn
  }

  return {
    sanitize,
    async sanitizeAll(markups, { signal } = {}) {
      const all: SanitizedHtml[] = []
      for (const markup of markups) {
        signal?.throwIfAborted()
        all.push(await sanitize(markup))
      }
      return all
    },
    async ready() {
      await load()
    },
    [Symbol.dispose]() {
      void loading?.then(
        (purifier) => purifier.close(),
        () => undefined,
      )
    },
  }
}

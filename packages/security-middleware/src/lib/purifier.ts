import { SecurityError } from './errors.ts'
import type { HtmlAllowList } from './html-allow-list.ts'

/** A fragment of HTML, made harmless; synchronous once jsdom is loaded. */
export interface Purifier {
  /** @throws ERR_SHOP_SECURITY_MARKUP when the fragment is too deep for a DOM. */
  purify(markup: string): { readonly html: string; readonly removed: number }
  /** Closes the DOM. */
  close(): void
}

/** DOMPurify over jsdom. Both are loaded by the first call: jsdom costs half a second and 110 MB, and few processes need it. */
export async function domPurifier(list: Required<HtmlAllowList>, own?: object): Promise<Purifier> {
  const [{ JSDOM }, { default: createDOMPurify }] = await Promise.all([import('jsdom'), import('dompurify')])
  if (own !== undefined && !(own instanceof JSDOM)) {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_DOM',
      'dom is not a JSDOM of the jsdom package; other DOMs parse differently from browsers and leave live script in what they sanitise.',
    )
  }
  const dom = (own as InstanceType<typeof JSDOM> | undefined) ?? new JSDOM('')
  const purify = createDOMPurify(dom.window)
  if (!purify.isSupported) throw new SecurityError('ERR_SHOP_SECURITY_DOM', 'This jsdom lacks what DOMPurify needs.')
  const config = {
    ALLOWED_TAGS: [...list.tags],
    ALLOWED_ATTR: [...list.attributes],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    KEEP_CONTENT: true,
  }
  return {
    purify(markup) {
      try {
        const html = purify.sanitize(markup, config)
        return { html, removed: countRemoved(purify.removed) }
      } catch (cause) {
        if (cause instanceof RangeError)
          throw new SecurityError('ERR_SHOP_SECURITY_MARKUP', 'The markup nests too deeply for a DOM.', { cause })
        throw cause
      }
    },
    close() {
      if (own === undefined) dom.window.close()
    },
  }
}

/** DOMPurify notes what it took out; the `<body>` it makes itself is not the sender's. */
function countRemoved(removed: readonly unknown[]): number {
  return removed.filter((entry) => {
    const element = (entry as { element?: { nodeName?: string } }).element
    return (
      element === undefined ||
      (element.nodeName !== 'BODY' && element.nodeName !== 'HTML' && element.nodeName !== 'HEAD')
    )
  }).length
}

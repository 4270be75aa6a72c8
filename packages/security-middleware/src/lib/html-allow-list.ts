import { SecurityError } from './errors.ts'

/** What may stay of a fragment of HTML. Everything else is removed: an element's text stays, its tags go. */
export interface HtmlAllowList {
  /** Element names, lower case. */
  readonly tags: readonly string[]
  /** Attribute names, lower case, on any of the elements. @default [] */
  readonly attributes?: readonly string[]
}

/** Lists for the two usual fields: what customers write, and what a text in Markdown becomes. */
export type HtmlPreset = 'review' | 'article'

const review: HtmlAllowList = {
  tags: [
    'a',
    'b',
    'blockquote',
    'br',
    'code',
    'em',
    'i',
    'li',
    'ol',
    'p',
    'pre',
    's',
    'small',
    'strong',
    'sub',
    'sup',
    'u',
    'ul',
  ],
  attributes: ['href', 'title'],
}

const presets: Readonly<Record<HtmlPreset, HtmlAllowList>> = {
  review,
  article: {
    tags: [
      ...review.tags,
      'del',
      'div',
      'figcaption',
      'figure',
      'h1',
      'h2',
      'h3',
      'h4',
      'h5',
      'h6',
      'hr',
      'img',
      'ins',
      'kbd',
      'mark',
      'span',
      'table',
      'tbody',
      'td',
      'th',
      'thead',
      'tr',
    ],
    attributes: ['href', 'title', 'src', 'alt', 'class', 'start', 'width', 'height', 'colspan', 'rowspan'],
  },
}

/** Elements that run, load or restyle: no list may name them. */
const never = new Set([
  'script',
  'style',
  'iframe',
  'frame',
  'frameset',
  'object',
  'embed',
  'applet',
  'base',
  'link',
  'meta',
  'form',
  'svg',
  'math',
  'template',
  'noscript',
  'title',
  'textarea',
  'xmp',
  'plaintext',
])

/**
 * The list behind an option.
 * @throws ERR_SHOP_SECURITY_OPTION for an unknown preset, or a list that names what may never stay.
 */
export function htmlAllowList(name: string, allow: HtmlPreset | HtmlAllowList = 'review'): Required<HtmlAllowList> {
  const list = typeof allow === 'string' ? (Object.hasOwn(presets, allow) ? presets[allow] : undefined) : allow
  if (list === undefined || !Array.isArray(list.tags))
    throw refused(`${name} is ${JSON.stringify(allow)}, and must be 'review', 'article' or { tags, attributes }.`)
  for (const tag of list.tags) {
    if (!/^[a-z][a-z0-9-]*$/.test(tag) || never.has(tag))
      throw refused(`${name}.tags holds ${JSON.stringify(tag)}, which is no element a fragment may keep.`)
  }
  for (const attribute of list.attributes ?? []) {
    if (
      !/^[a-z][a-z0-9-]*$/.test(attribute) ||
      attribute.startsWith('on') ||
      attribute === 'style' ||
      attribute === 'srcdoc'
    ) {
      throw refused(`${name}.attributes holds ${JSON.stringify(attribute)}, which is no attribute a fragment may keep.`)
    }
  }
  return { tags: [...list.tags], attributes: [...(list.attributes ?? [])] }
}

const refused = (message: string): SecurityError => new SecurityError('ERR_SHOP_SECURITY_OPTION', message)

/** Where a hole of a template stands; `nowhere` is where no encoding is safe. */
export type HoleContext =
  | 'text'
  | 'attribute'
  | 'address'
  | 'query'
  | 'style'
  | 'script-string'
  | 'script-value'
  | 'nowhere'

type State =
  | { readonly at: 'text' }
  | { readonly at: 'comment' }
  | { readonly at: 'tag' }
  | { readonly at: 'before-value' }
  | { readonly at: 'unquoted' }
  | { readonly at: 'value'; readonly quote: string; readonly start: boolean; readonly script: string }
  | { readonly at: 'raw'; readonly quote: string; readonly comment: string }

const addresses = new Set([
  'href',
  'src',
  'action',
  'formaction',
  'poster',
  'cite',
  'background',
  'data',
  'manifest',
  'ping',
  'xlink:href',
])

/** The context of every hole, by one pass of a small HTML tokenizer over the template's own strings. */
export function holeContexts(strings: readonly string[]): readonly HoleContext[] {
  const contexts: HoleContext[] = []
  const reader = new Reader()
  for (let i = 0; i < strings.length - 1; i++) {
    reader.read(strings[i]!)
    contexts.push(reader.context())
    reader.hole()
  }
  return contexts
}

class Reader {
  #state: State = { at: 'text' }
  #tag = ''
  #attribute = ''

  read(text: string): void {
    let i = 0
    while (i < text.length) i = this.#step(text, i)
  }

  context(): HoleContext {
    const state = this.#state
    switch (state.at) {
      case 'text':
        return 'text'
      case 'raw':
        if (state.comment !== '' || state.quote === '`' || state.quote === '/') return 'nowhere'
        if (this.#tag === 'style') return 'style'
        return state.quote === '' ? 'script-value' : 'script-string'
      case 'value': {
        const name = this.#attribute
        if (name.startsWith('on')) return state.script === '' || state.script === '`' ? 'nowhere' : 'script-string'
        if (name === 'style') return 'style'
        if (name === 'srcdoc' || name === 'srcset') return 'nowhere'
        if (!addresses.has(name)) return 'attribute'
        return state.start ? 'address' : 'query'
      }
      default:
        return 'nowhere'
    }
  }

  /** A value was written: it is no longer the start of an address. */
  hole(): void {
    const state = this.#state
    if (state.at === 'value') this.#state = { ...state, start: false }
  }

  #step(text: string, i: number): number {
    const state = this.#state
    const char = text[i]!
    switch (state.at) {
      case 'text':
        return this.#text(text, i)
      case 'comment': {
        const end = text.indexOf('-->', i)
        if (end < 0) return text.length
        this.#state = { at: 'text' }
        return end + 3
      }
      case 'tag':
        return this.#inTag(text, i)
      case 'before-value':
        if (/\s/.test(char)) return i + 1
        if (char === '"' || char === "'") {
          this.#state = { at: 'value', quote: char, start: true, script: '' }
          return i + 1
        }
        this.#state = { at: 'unquoted' }
        return i
      case 'unquoted':
        if (/\s/.test(char)) this.#state = { at: 'tag' }
        else if (char === '>') {
          this.#state = { at: 'tag' }
          return i
        }
        return i + 1
      case 'value':
        if (char === state.quote) this.#state = { at: 'tag' }
        else {
          const quoted = char === "'" || char === '"' || char === '`'
          const script = state.script === '' ? (quoted ? char : '') : state.script === char ? '' : state.script
          this.#state = { ...state, start: state.start && /\s/.test(char), script }
        }
        return i + 1
      case 'raw':
        return this.#raw(text, i, state)
    }
  }

  #text(text: string, i: number): number {
    const open = text.indexOf('<', i)
    if (open < 0) return text.length
    if (text.startsWith('<!--', open)) {
      this.#state = { at: 'comment' }
      return open + 4
    }
    const name = /^<\/?([a-zA-Z][^\s/>]*)/.exec(text.slice(open, open + 64))
    if (name) {
      this.#tag = text[open + 1] === '/' ? '' : name[1]!.toLowerCase()
      this.#state = { at: 'tag' }
      return open + name[0].length
    }
    // "<" at the very end of a string: the hole would be a tag's name
    if (open === text.length - 1 || (text[open + 1] === '/' && open === text.length - 2)) this.#state = { at: 'tag' }
    return open + 1
  }

  #inTag(text: string, i: number): number {
    if (text[i] === '>') {
      this.#state =
        this.#tag === 'script' || this.#tag === 'style' ? { at: 'raw', quote: '', comment: '' } : { at: 'text' }
      return i + 1
    }
    const name = /^[^\s"'>/=]+/.exec(text.slice(i, i + 64))
    if (!name) return i + 1
    const end = i + name[0].length
    const equals = /^\s*=/.exec(text.slice(end, end + 16))
    this.#attribute = name[0].toLowerCase()
    if (!equals) return end
    this.#state = { at: 'before-value' }
    return end + equals[0].length
  }

  #raw(text: string, i: number, state: Extract<State, { at: 'raw' }>): number {
    if (text.slice(i, i + this.#tag.length + 2).toLowerCase() === `</${this.#tag}`) {
      this.#state = { at: 'tag' }
      this.#tag = ''
      return i + 2
    }
    const two = text.slice(i, i + 2)
    if (state.comment !== '') {
      if (state.comment === '//' ? text[i] === '\n' : two === '*/') this.#state = { ...state, comment: '' }
      return state.comment === '//' || two !== '*/' ? i + 1 : i + 2
    }
    if (state.quote !== '') {
      if (text[i] === '\\') return i + 2
      if (text[i] === state.quote) this.#state = { ...state, quote: '' }
      return i + 1
    }
    if (two === '//' || two === '/*') {
      this.#state = { ...state, comment: two }
      return i + 2
    }
    if (text[i] === '"' || text[i] === "'" || text[i] === '`') this.#state = { ...state, quote: text[i]! }
    return i + 1
  }
}

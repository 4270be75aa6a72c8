import { type LabelValue, labelText } from './labels.ts'

type Branch = Map<LabelValue, unknown>
type Find = (root: Branch, labels: Readonly<Record<string, LabelValue>>) => unknown

/**
 * Series by their label values: one Map a label, nested, so that no key is ever concatenated and two different
 * label sets cannot meet in one string. A value is looked up as it was given; a second spelling of the same text
 * (`200` beside `'200'`) leads to the same series.
 */
export class LabelTree<S> {
  readonly #names: readonly string[]
  readonly #root: Branch = new Map()
  readonly #find: Find

  constructor(names: readonly string[]) {
    this.#names = names
    this.#find = compileFind(names)
  }

  find(labels: Readonly<Record<string, LabelValue>>): S | undefined {
    return this.#find(this.#root, labels) as S | undefined
  }

  /** The series these labels spell, after turning each into its text. */
  findByText(values: readonly string[]): S | undefined {
    let node: unknown = this.#root
    for (const value of values) {
      node = (node as Branch).get(value)
      if (node === undefined) return undefined
    }
    return node as S
  }

  texts(labels: Readonly<Record<string, LabelValue>>): string[] {
    return this.#names.map((name) => labelText(labels[name]))
  }

  add(values: readonly string[], series: S): void {
    let node = this.#root
    for (const [i, value] of values.entries()) {
      if (i === values.length - 1) {
        node.set(value, series)
        return
      }
      let next = node.get(value) as Branch | undefined
      if (!next) node.set(value, (next = new Map()))
      node = next
    }
  }

  /** Lets a number, a boolean or an absent value lead straight to the branch of its text next time. */
  alias(labels: Readonly<Record<string, LabelValue>>): void {
    let node: unknown = this.#root
    for (const name of this.#names) {
      const value = labels[name]
      const branch = node as Branch
      const next = branch.get(labelText(value))
      if (next === undefined) return
      // a bounded few spellings of one text; any other kind of value takes the slow path
      if (typeof value === 'number' || typeof value === 'boolean' || value == null) branch.set(value, next)
      node = next
    }
  }

  remove(values: readonly string[]): void {
    this.#removeAt(this.#root, values, 0)
  }

  clear(): void {
    this.#root.clear()
  }

  #removeAt(branch: Branch, values: readonly string[], depth: number): void {
    const next = branch.get(values[depth]!)
    if (next === undefined) return
    if (depth < values.length - 1) {
      this.#removeAt(next as Branch, values, depth + 1)
      if ((next as Branch).size > 0) return
    }
    for (const [key, held] of branch) if (held === next) branch.delete(key)
  }
}

/**
 * A look-up that reads each label by its own name: twice as fast as one loop over names, whose property reads
 * cannot be cached. The names are checked to be plain identifiers before they come here. Where the process
 * forbids code from strings, the loop serves.
 */
function compileFind(names: readonly string[]): Find {
  const steps = names.map((name) => `if (node === undefined) return undefined; node = node.get(labels.${name})`)
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- names are checked identifiers; see decisions/0071
    return new Function('node', 'labels', `${steps.join('\n')}\nreturn node`) as Find
  } catch {
    return (root, labels) => {
      let node: unknown = root
      for (const name of names) {
        node = (node as Branch).get(labels[name])
        if (node === undefined) return undefined
      }
      return node
    }
  }
}

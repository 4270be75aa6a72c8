/** A value kept with an object, for as long as the object lives. */
export interface Slot<T> {
  get(owner: object): T | undefined
  set(owner: object, value: T): void
}

/** Gives back the object it is given: what extends this puts its private fields on that object. */
class Given {
  constructor(owner: object) {
    return owner
  }
}

/** What is kept of one object: in a private field, which reflection, copies and loggers do not see. */
class Kept extends Given {
  readonly #values: unknown[] = []

  static of(owner: object): unknown[] | undefined {
    return #values in owner ? owner.#values : undefined
  }

  static start(owner: object): unknown[] {
    return (new Kept(owner) as Kept).#values
  }
}

let slots = 0

/**
 * Makes a place for a value on any object. A WeakMap would do the same at twenty times the cost: the collector of garbage
 * has to go through its entries, of which every request makes several.
 */
export function slot<T>(): Slot<T> {
  const index = slots++
  return {
    get: (owner) => Kept.of(owner)?.[index] as T | undefined,
    set: (owner, value) => {
      ;(Kept.of(owner) ?? Kept.start(owner))[index] = value
    },
  }
}

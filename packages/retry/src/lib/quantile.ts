const WARM_UP = 50
const STEP = 0.05

/**
 * A running quantile in two numbers: each value above moves the estimate up by a share, each value below moves it down by a
 * smaller one, so that it rests where the wanted share is below (Robbins and Monro 1951, on the logarithm). It follows a moving
 * target and never sorts.
 */
export class Quantile {
  readonly #up: number
  readonly #down: number
  #value = 0
  #seen = 0

  constructor(share: number) {
    this.#up = Math.exp(STEP * share)
    this.#down = Math.exp(-STEP * (1 - share))
  }

  /** The estimate; undefined until enough values came in. */
  get value(): number | undefined {
    return this.#seen < WARM_UP ? undefined : this.#value
  }

  add(value: number): void {
    if (this.#seen < WARM_UP) {
      this.#seen++
      this.#value = Math.max(this.#value, value)
    } else this.#value *= value > this.#value ? this.#up : this.#down
  }
}

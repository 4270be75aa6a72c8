import { register as globalRegister } from 'prom-client'

import { MetricsError } from './errors.ts'
import { checkLabelNames, labelText, type LabelValue } from './labels.ts'

/** What a registry hands out for one metric: prom-client's JSON form. */
export interface MetricValues {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator?: string
  readonly values: ReadonlyArray<{
    readonly value: number
    readonly labels?: Readonly<Record<string, string | number>>
    readonly sharedLabels?: Readonly<Record<string, string | number>>
    readonly metricName?: string
    readonly exemplar?: unknown
  }>
}

/** A metric as a registry sees it: ours, prom-client's or its successor's. */
export interface RegisteredMetric {
  name: string
  readonly help: string
  get(): Promise<MetricValues> | MetricValues
}

/**
 * The registry this package writes to and reads from, by duck type: prom-client 15's `Registry`, or that
 * of its successor `@prometheus-io/client`.
 */
export interface Register {
  // a bivariant method, so that the registries' narrower parameter types fit
  registerMetric(metric: never): void
  getMetricsAsArray(): readonly unknown[]
  getSingleMetric(name: string): unknown
  removeSingleMetric(name: string): void
}

const METHODS = ['registerMetric', 'getMetricsAsArray', 'getSingleMetric', 'removeSingleMetric'] as const

/** The registry given, or prom-client's global one. */
export function registerOf(where: string, given: Register | undefined): Register {
  if (given === undefined) return globalRegister
  for (const method of METHODS) {
    if (typeof given?.[method] === 'function') continue
    throw new MetricsError(
      'ERR_SHOP_METRICS_REGISTER',
      `${where}: register has no ${method}(); give a Registry of prom-client or @prometheus-io/client`,
    )
  }
  return given
}

/** The registry's default labels, without what no line may carry; the same object as long as they are the same. */
export function defaultLabelsOf(register: Register): Readonly<Record<string, string>> {
  return checkedDefaults(register).labels
}

/** Why default labels of the registry are left out. */
export function wrongDefaultsOf(register: Register): readonly unknown[] {
  return checkedDefaults(register).wrong
}

interface Defaults {
  readonly labels: Readonly<Record<string, string>>
  readonly wrong: readonly unknown[]
}

const NONE: Readonly<Record<string, LabelValue>> = {}
const checked = new WeakMap<object, Defaults>()

// both libraries keep them in the same place, take anything, and offer no getter
function checkedDefaults(register: Register): Defaults {
  const given = (register as { _defaultLabels?: typeof NONE })._defaultLabels ?? NONE
  const known = checked.get(given)
  if (known) return known
  const [labels, wrong]: [Record<string, string>, unknown[]] = [{}, []]
  for (const [name, value] of Object.entries(given)) {
    try {
      checkLabelNames('setDefaultLabels()', [name])
      const text = labelText(value)
      if (text !== '') labels[name] = text
    } catch (error) {
      wrong.push(error)
    }
  }
  const defaults = { labels, wrong }
  checked.set(given, defaults)
  return defaults
}

/** One installation a registry: what is there is handed out again, until it is disposed. */
export function once(
  installed: WeakMap<Register, Disposable>,
  register: Register,
  install: () => () => void,
): Disposable {
  const held = installed.get(register)
  if (held) return held
  const end = install()
  const handle = { [Symbol.dispose]: () => void (installed.delete(register) && end()) }
  installed.set(register, handle)
  return handle
}

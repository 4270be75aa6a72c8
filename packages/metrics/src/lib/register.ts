import { register as globalRegister } from 'prom-client'

import { MetricsError } from './errors.ts'

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

/** The registry's default labels; both libraries keep them in the same place and offer no getter. */
export function defaultLabelsOf(register: Register): Readonly<Record<string, string>> {
  return (register as { _defaultLabels?: Readonly<Record<string, string>> })._defaultLabels ?? {}
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

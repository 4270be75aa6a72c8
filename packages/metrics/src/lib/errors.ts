/** Every code this package throws, with what it means. The README lists the same ones. */
export const errorCodes = {
  ERR_SHOP_METRICS_OPTION: 'An option has a value outside its range, or contradicts another.',
  ERR_SHOP_METRICS_UNKNOWN_OPTION: 'An option by this name does not exist.',
  ERR_SHOP_METRICS_NAME: 'A metric name is not one, or its suffix contradicts its type (a counter ends in _total).',
  ERR_SHOP_METRICS_LABEL: 'A label name is not one, is reserved, or appears twice.',
  ERR_SHOP_METRICS_BUCKETS: 'Histogram buckets are not finite numbers in rising order.',
  ERR_SHOP_METRICS_NAME_TAKEN: 'The registry holds another metric of this name.',
  ERR_SHOP_METRICS_DURATION: 'A duration is neither milliseconds nor a number with ms, s, m, h or d.',
  ERR_SHOP_METRICS_REGISTER: 'What was given as a registry does not look like one of prom-client or its successor.',
  ERR_SHOP_METRICS_PARSE: 'A text is not valid OpenMetrics; the message names line and reason.',
  ERR_SHOP_METRICS_CLUSTER: 'A cluster function was called in the wrong kind of process, or beside another one.',
  ERR_SHOP_METRICS_NOTIFICATION: 'What was given to `withTraces()` is no webhook body of Alertmanager.',
  ERR_SHOP_METRICS_CONFIG: 'A configuration of `shop-metrics` is incomplete, or would overwrite a file.',
} as const

/** A code of {@link errorCodes}. */
export type MetricsErrorCode = keyof typeof errorCodes

/** The one error class of this package: a mistake in the program or its configuration, never something a request of the shop's caused. */
export class MetricsError extends Error {
  override readonly name = 'MetricsError'
  readonly code: MetricsErrorCode
  /** Where the code is explained. */
  readonly help: string

  constructor(code: MetricsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.help = `@shop/metrics README, "Errors", ${code}`
  }
}

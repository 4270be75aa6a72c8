/** One thing a browser reported, whichever of the two formats it came in. */
export interface BrowserReport {
  /** `csp-violation`, `coop`, `deprecation`, `intervention`, `crash`, `permissions-policy-violation`, … */
  readonly type: string
  /** The page, without its query and fragment: those may carry personal data. */
  readonly page: string
  /** What was violated or is deprecated: a CSP directive, a COOP violation type, a feature's id. */
  readonly subject: string
  /** What was blocked or is at fault: an origin, `inline`, `eval`, … without path and query. */
  readonly blocked: string
  /** Where: `file:line`, when the browser tells. */
  readonly source: string | undefined
  /** `enforce` or `report`, for a CSP. */
  readonly disposition: string | undefined
}

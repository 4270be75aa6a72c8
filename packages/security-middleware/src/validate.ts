export {
  valid,
  validate,
  type Validated,
  type ValidateOptions,
  type Validation,
  type ValidationLimits,
} from './lib/validate.ts'
export type { JsonLimits } from './lib/json-limits.ts'
export type { ContentEncoding } from './lib/content-decoding.ts'
export type { OutputOf, StandardIssue, StandardResult, StandardSchema } from './lib/standard-schema.ts'
export type { Repeated } from './lib/urlencoded.ts'
export type { RequestPart, ValidationIssue } from './lib/validation-problem.ts'

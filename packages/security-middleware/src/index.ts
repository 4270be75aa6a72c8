export type { Claim, ClaimOptions, ClaimStore } from './lib/claim-store.ts'
export { constantWork } from './lib/constant-work.ts'
export type { CspDirective, CspDirectives } from './lib/content-security-policy.ts'
export type { CorsOptions } from './lib/cors.ts'
export type { CspPreset } from './lib/csp-presets.ts'
export { csrfToken, type CsrfTokenOptions } from './lib/csrf-token.ts'
export { csrf, type CsrfOptions } from './lib/csrf.ts'
export type { Duration } from './lib/duration.ts'
export { errorCodes, SecurityError, type SecurityErrorCode } from './lib/errors.ts'
export {
  claimFailed,
  csrfRefused,
  deadlineOverflow,
  paymentMismatch,
  reportReceived,
  stripeRefused,
  type ClaimFailed,
  type CsrfReason,
  type CsrfRefused,
  type DeadlineOverflow,
  type PaymentMismatch,
} from './lib/events.ts'
export { memoryStore, type MemoryStoreOptions } from './lib/memory-store.ts'
export { nonceOf } from './lib/nonce.ts'
export { expectPaymentIntent, type ExpectedPayment, type PaymentIntent } from './lib/payment-intent.ts'
export type { PermissionsFeature, PermissionsPolicy } from './lib/permissions-policy.ts'
export type { BrowserReport } from './lib/browser-report.ts'
export { cspReports, type CspReportsOptions } from './lib/reports.ts'
export { respondAt, type RespondAtOptions } from './lib/respond-at.ts'
export { safeEqual } from './lib/safe-equal.ts'
export { securityHeaders, type RouteHeaders, type SecurityHeadersOptions } from './lib/security-headers.ts'
export type { StripeEvent } from './lib/stripe-event.ts'
export { probeStripeWebhook } from './lib/stripe-probe.ts'
export type { StripeReason, StripeRefusal } from './lib/stripe-refusal.ts'
export { signStripePayload } from './lib/stripe-signature.ts'
export {
  stripeDelivery,
  stripeEvent,
  stripeWebhook,
  type DeliveryClaim,
  type StripeDelivery,
  type StripeWebhookOptions,
} from './lib/stripe-webhook.ts'
export { timingAttackProtection, type TimingAttackProtectionOptions } from './lib/timing-attack-protection.ts'
export {
  trustedOrigins,
  trustedOrigins as validateSecurityHeaders,
  type TrustedOriginsOptions,
} from './lib/trusted-origins.ts'
export { trustedTypesPolicy } from './lib/trusted-types.ts'

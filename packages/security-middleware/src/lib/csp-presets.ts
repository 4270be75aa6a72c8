import type { CspDirectives } from './content-security-policy.ts'
import type { PermissionsPolicy } from './permissions-policy.ts'

/** What a third party needs of the headers, by the name it goes by in {@link securityHeaders}. */
export type CspPreset = 'stripeElements' | 'stripeCheckout' | 'googleTagManager'

interface Preset {
  readonly directives: CspDirectives
  readonly permissions: PermissionsPolicy
}

/**
 * Stripe's and Google's published source lists. Their script hosts matter only to browsers without
 * `'strict-dynamic'`; give their script tags the nonce.
 */
export const presets: Readonly<Record<CspPreset, Preset>> = {
  // https://docs.stripe.com/security/guide#content-security-policy
  stripeElements: {
    directives: {
      'connect-src': ['https://api.stripe.com', 'https://maps.googleapis.com'],
      'frame-src': ['https://*.js.stripe.com', 'https://js.stripe.com', 'https://hooks.stripe.com'],
      'img-src': ['https://*.stripe.com'],
      'script-src': ['https://*.js.stripe.com', 'https://js.stripe.com', 'https://maps.googleapis.com'],
    },
    permissions: { payment: ['self', 'https://js.stripe.com'] },
  },
  // the form that leads to a hosted checkout is redirected there, which form-action governs too
  stripeCheckout: {
    directives: {
      'connect-src': ['https://checkout.stripe.com'],
      'form-action': ['https://checkout.stripe.com'],
      'frame-src': ['https://checkout.stripe.com'],
      'img-src': ['https://*.stripe.com'],
      'script-src': ['https://checkout.stripe.com'],
    },
    permissions: { payment: ['self', 'https://checkout.stripe.com'] },
  },
  // https://developers.google.com/tag-platform/security/guides/csp
  googleTagManager: {
    directives: {
      'connect-src': [
        'https://www.googletagmanager.com',
        'https://*.google-analytics.com',
        'https://*.analytics.google.com',
      ],
      'frame-src': ['https://www.googletagmanager.com'],
      'img-src': ['https://www.googletagmanager.com', 'https://*.google-analytics.com'],
      'script-src': ['https://www.googletagmanager.com'],
    },
    permissions: {},
  },
}

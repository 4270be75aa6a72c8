import { SecurityError } from './errors.ts'
import { originOf } from './origin.ts'

/**
 * The inline script that makes a page's default Trusted Types policy: third-party code may load scripts from these
 * origins and from the page's own, and every other text given to a dangerous sink is still refused. The strict CSP
 * requires Trusted Types; Stripe.js and Tag Manager assign script URLs as text and need this.
 *
 * Put the result into the page's first `<script>` with the nonce, or pass it as an `inlineScripts` entry.
 * @throws ERR_SHOP_SECURITY_ORIGIN
 * @example
 * const code = trustedTypesPolicy(['https://js.stripe.com'])
 */
export function trustedTypesPolicy(origins: readonly string[]): string {
  const wrong = origins.find((origin) => !originOf(origin))
  if (wrong !== undefined)
    throw new SecurityError(
      'ERR_SHOP_SECURITY_ORIGIN',
      `trustedTypesPolicy() has ${JSON.stringify(wrong)}, which is no origin.`,
    )
  const list = JSON.stringify(origins).replaceAll('<', String.raw`\u003c`)
  return `window.trustedTypes&&trustedTypes.createPolicy("default",{createScriptURL:function(u){var o=new URL(u,document.baseURI).origin;return o===location.origin||${list}.indexOf(o)>=0?u:null}})`
}

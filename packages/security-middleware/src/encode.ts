export {
  encodeAttribute,
  encodeCss,
  encodeHref,
  encodeHtml,
  encodeScriptJson,
  encodeScriptString,
  encodeUrl,
} from './lib/encoders.ts'
export { dangerouslySetHtml, html, SafeHtml } from './lib/html-template.ts'

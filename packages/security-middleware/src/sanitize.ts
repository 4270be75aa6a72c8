export type { HtmlAllowList, HtmlPreset } from './lib/html-allow-list.ts'
export {
  htmlSanitizer,
  type HtmlSanitizer,
  type HtmlSanitizerOptions,
  type SanitizedHtml,
} from './lib/html-sanitizer.ts'
export { sanitizedBody, sanitizeInput, type SanitizeInputOptions } from './lib/sanitize-input.ts'

import { headerOf } from './headers.ts'

/**
 * How long the server asks to wait, in milliseconds: `retry-after-ms`, `Retry-After` (seconds or HTTP date, RFC 9110 10.2.3),
 * or `x-ratelimit-reset` of a refused request. The longest wins, for none of them may be shortened.
 */
export function retryAfter(source: unknown, wallMs: number = Date.now()): number | undefined {
  if (
    typeof source === 'object' &&
    source !== null &&
    typeof (source as { retryAfter?: unknown }).retryAfter === 'number'
  ) {
    return (source as { retryAfter: number }).retryAfter
  }
  const asked = [
    milliseconds(headerOf(source, 'retry-after-ms')),
    secondsOrDate(headerOf(source, 'retry-after'), wallMs),
    reset(headerOf(source, 'x-ratelimit-reset'), headerOf(source, 'x-ratelimit-remaining'), wallMs),
  ].filter((each) => each !== undefined)
  return asked.length === 0 ? undefined : Math.max(...asked)
}

function milliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined
}

function secondsOrDate(text: string | undefined, wallMs: number): number | undefined {
  const seconds = milliseconds(text)
  if (seconds !== undefined) return seconds * 1000
  // an HTTP date ends in GMT; Date.parse alone would take "1" or "2026" for one
  if (text === undefined || !/^[A-Z][a-z]{2,8},? .*GMT$/.test(text.trim())) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallMs)
}

/** Seconds from now, or seconds or milliseconds since 1970, told apart by size. Says nothing while requests remain. */
function reset(text: string | undefined, remaining: string | undefined, wallMs: number): number | undefined {
  const value = milliseconds(text) ?? epochMilliseconds(text)
  if (value === undefined || (remaining !== undefined && Number(remaining) > 0)) return undefined
  if (value >= 1e12) return Math.max(0, value - wallMs)
  if (value >= 1e9) return Math.max(0, value * 1000 - wallMs)
  return value * 1000
}

function epochMilliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{13}$/.test(text.trim()) ? Number(text) : undefined
}

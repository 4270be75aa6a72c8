import { oneOf } from './options.ts'
import { pathMatcher, plain } from './path-pattern.ts'
import type { InspectMode } from './suspicion.ts'

const modes = ['monitor', 'shadow', 'enforce'] as const

/**
 * Compiles the mode option. A path that routers may read differently gets the strictest of all modes given, so that another
 * spelling of `/admin` does not leave its mode; a path no pattern matches gets `monitor`.
 * @throws ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_PATTERN
 */
export function modeReader(mode: InspectMode | Readonly<Record<string, InspectMode>>): (path: string) => InspectMode {
  if (typeof mode === 'string') {
    const one = oneOf('mode', mode, 'monitor', modes)
    return () => one
  }
  const entries = Object.entries(mode).map(
    ([pattern, value]) =>
      [pathMatcher('mode', [pattern]), oneOf(`mode[${JSON.stringify(pattern)}]`, value, 'monitor', modes)] as const,
  )
  const strictest = modes.findLast((name) => entries.some(([, value]) => value === name)) ?? 'monitor'
  return (path) => {
    if (!plain(path)) return strictest
    for (const [matches, value] of entries) if (matches(path)) return value
    return 'monitor'
  }
}

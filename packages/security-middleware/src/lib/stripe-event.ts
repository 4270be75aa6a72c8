/** What is relied upon of an event; give `Stripe.Event` as the type argument of the getters to have all of it. */
export interface StripeEvent {
  readonly id: string
  readonly object: string
  readonly type: string
  /** Seconds since 1970; a text in version 2 events. */
  readonly created: number | string
  readonly livemode: boolean
  readonly api_version?: string | null
  /** The connected account it happened on. */
  readonly account?: string
  readonly data?: { readonly object?: Readonly<Record<string, unknown>> }
  readonly related_object?: { readonly id?: string } | null
}

/** The payload when it is an event: version 1, or a thin one of version 2. */
export function parseStripeEvent(payload: Uint8Array): StripeEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { id, object, type, created, livemode } = value as Record<string, unknown>
  const version = object === 'event' ? 'number' : object === 'v2.core.event' ? 'string' : undefined
  const whole =
    typeof id === 'string' && /^evt_\w{1,200}$/.test(id) && typeof type === 'string' && typeof livemode === 'boolean'
  return whole && version !== undefined && typeof created === version ? (value as StripeEvent) : undefined
}

/** Where an event stands among those of the same object: whose turn, and when. */
export function positionOf(event: StripeEvent): { readonly key: string; readonly at: number } | undefined {
  const id = event.data?.object?.['id'] ?? event.related_object?.id
  const at = typeof event.created === 'number' ? event.created : Math.floor(Date.parse(event.created) / 1000)
  return typeof id === 'string' && Number.isSafeInteger(at) ? { key: `${event.account ?? ''}:${id}`, at } : undefined
}

import { type Channel, channel } from 'node:diagnostics_channel'

/** A measurement could not be taken as given. */
export interface MeasurementDropped {
  readonly metric: string
  /** `cardinality`: it was counted in the overflow series instead. `exemplar`: it was counted, without its trace. */
  readonly reason: 'cardinality' | 'not_a_number' | 'negative' | 'unreadable_labels' | 'exemplar'
}

/** A metric's own collect function threw, rejected, or took too long; the scrape went on without it. */
export interface CollectorFailed {
  readonly metric: string
  readonly error: unknown
}

/** `shop:metrics:dropped`: {@link MeasurementDropped}. */
export const dropped: Channel<unknown, MeasurementDropped> = channel('shop:metrics:dropped') as Channel<
  unknown,
  MeasurementDropped
>

/** `shop:metrics:collector-failed`: {@link CollectorFailed}. */
export const collectorFailed: Channel<unknown, CollectorFailed> = channel('shop:metrics:collector-failed') as Channel<
  unknown,
  CollectorFailed
>

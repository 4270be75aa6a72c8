import { type Channel, channel } from 'node:diagnostics_channel'

/** Published on `shop:__name__:refused` when `take()` says no. */
export interface RefusedMessage {
  readonly limit: number
}

/** Costs nothing as long as nobody subscribes. */
export const refused: Channel = channel('shop:__name__:refused')

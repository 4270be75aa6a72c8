/** Carries short messages between the nodes of a cluster. May lose them, may be down; never throws into a call. */
export interface Transport extends AsyncDisposable {
  /** Connects and calls back with every message, its own included; keeps reconnecting until it is disposed. */
  start(onMessage: (message: string) => void, onState: (up: boolean) => void): void
  /** Sends when it can; says whether it could. */
  send(message: string): Promise<boolean>
}

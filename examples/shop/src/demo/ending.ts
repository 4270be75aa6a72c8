/** Thrown into whatever the demo is doing when it is told to stop. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** Rejects when the demo should end: Ctrl-C, a signal, or the death of the process that started it. */
export function ending(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(new Stopped('stopped'))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
  // npm runs scripts through a shell; a signal to npm ends that shell and leaves us
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && stop(), 300).unref()
  promise.catch(() => {})
  return promise
}

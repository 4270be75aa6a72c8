/**
 * Makes an unknown user cost what a known one costs. `fn` checks a secret against what is stored; where nothing is
 * stored the same work is done on `dummy`, and the answer is false whatever it was.
 *
 * Make `dummy` with the same parameters as real ones: a hash of a random password.
 *
 * @example
 * const verify = constantWork((hash: string, password: string) => bcrypt.compare(password, hash), dummyHash)
 * if (!(await verify(user?.passwordHash, password))) return refuse()
 */
export function constantWork<Stored, Args extends readonly unknown[]>(
  fn: (stored: Stored, ...args: Args) => boolean | Promise<boolean>,
  dummy: Stored,
): (stored: Stored | null | undefined, ...args: Args) => Promise<boolean> {
  return async function sameWork(stored, ...args) {
    const known = stored !== undefined && stored !== null
    const verified = await fn(known ? stored : dummy, ...args)
    return known && verified
  }
}

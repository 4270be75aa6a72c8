/** A client's standing: its score when it was last added to, and until when it is jailed (0: it is not). Times in milliseconds. */
export interface ClientScore {
  readonly score: number
  readonly at: number
  readonly jailedUntil: number
}

/** How scores grow, fade and jail. Times in milliseconds. */
export interface ScoreRules {
  /** In this time half of a score is forgotten. */
  readonly halfLife: number
  /** At this score a client is jailed… */
  readonly jailAt: number
  /** …for this long; after it, what led there is forgiven. */
  readonly jailFor: number
}

/** A score that has faded below this is none. */
export const leastScore = 0.01

/** What is left of a score at `now`. A clock that is behind another process's changes nothing. */
export function faded(record: ClientScore | undefined, now: number, rules: ScoreRules): ClientScore {
  if (record === undefined) return { score: 0, at: now, jailedUntil: 0 }
  // amnesty: who has served the sentence starts afresh
  if (record.jailedUntil !== 0 && record.jailedUntil <= now) return { score: 0, at: now, jailedUntil: 0 }
  const score = record.score * 0.5 ** (Math.max(0, now - record.at) / rules.halfLife)
  return { score: score < leastScore ? 0 : score, at: Math.max(now, record.at), jailedUntil: record.jailedUntil }
}

/** The score with `points` more, and the jail it leads to. A jailed client's further offences do not lengthen its sentence. */
export function raised(record: ClientScore | undefined, points: number, now: number, rules: ScoreRules): ClientScore {
  const before = faded(record, now, rules)
  const score = Math.min(before.score + points, rules.jailAt * 4)
  const jailedUntil =
    before.jailedUntil !== 0 ? before.jailedUntil : score >= rules.jailAt ? before.at + rules.jailFor : 0
  return { score, at: before.at, jailedUntil }
}

/**
 * Where scores are kept. `add` must be atomic for one client (a statement, a script), and may use {@link raised}; both may
 * answer at once. What happens when a store fails or does not answer in time is the option `whenStoreFails` of `inspect()`.
 */
export interface ScoreStore {
  /** Other processes use it as well: `inspect()` then requires a `clientKey`, without which their hashes of one client differ. */
  readonly shared?: boolean
  add(client: string, points: number, now: number, rules: ScoreRules): ClientScore | Promise<ClientScore>
  read(client: string, now: number, rules: ScoreRules): ClientScore | undefined | Promise<ClientScore | undefined>
  /** Amnesty: forgets the client. */
  forgive(client: string): void | Promise<void>
}

/** Scores in memory, and what another store said of a client. */
export interface ScoreMemory extends ScoreStore {
  add(client: string, points: number, now: number, rules: ScoreRules): ClientScore
  read(client: string, now: number, rules: ScoreRules): ClientScore | undefined
  forgive(client: string): void
  keep(client: string, record: ClientScore | undefined): void
}

/** At most `size` clients; the one longest without an offence is forgotten first. */
export function scoreMemory(size: number): ScoreMemory {
  const scores = new Map<string, ClientScore>()
  function keep(client: string, record: ClientScore | undefined): void {
    scores.delete(client)
    if (record === undefined) return
    if (scores.size >= size) scores.delete(scores.keys().next().value!)
    scores.set(client, record)
  }
  return {
    keep,
    add(client, points, now, rules) {
      const next = raised(scores.get(client), points, now, rules)
      keep(client, next)
      return next
    },
    read(client, now, rules) {
      const record = scores.get(client)
      if (record === undefined) return undefined
      const left = faded(record, now, rules)
      if (left.jailedUntil === 0 && left.score === 0) scores.delete(client)
      return left
    },
    forgive(client) {
      scores.delete(client)
    },
  }
}

/** Scores in the memory of this process, at most `size` clients; the one longest without an offence is forgotten first. */
export function memoryScores(size: number = 10_000): ScoreStore {
  const { add, read, forgive } = scoreMemory(size)
  return { add, read, forgive }
}

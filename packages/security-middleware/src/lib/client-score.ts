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

/** What is left of a score at `now`. */
export function faded(record: ClientScore | undefined, now: number, rules: ScoreRules): ClientScore {
  if (record === undefined) return { score: 0, at: now, jailedUntil: 0 }
  // amnesty: who has served the sentence starts afresh
  if (record.jailedUntil !== 0 && record.jailedUntil <= now) return { score: 0, at: now, jailedUntil: 0 }
  return {
    score: record.score * 0.5 ** (Math.max(0, now - record.at) / rules.halfLife),
    at: now,
    jailedUntil: record.jailedUntil,
  }
}

/** The score with `points` more, and the jail it leads to. A jailed client's further offences do not lengthen its sentence. */
export function raised(record: ClientScore | undefined, points: number, now: number, rules: ScoreRules): ClientScore {
  const before = faded(record, now, rules)
  const score = Math.min(before.score + points, rules.jailAt * 4)
  const jailedUntil = before.jailedUntil !== 0 ? before.jailedUntil : score >= rules.jailAt ? now + rules.jailFor : 0
  return { score, at: now, jailedUntil }
}

/**
 * Where scores are kept. `add` must be atomic for one client (a transaction, a script), and may use {@link raised}; both may
 * answer at once. A store that fails or does not answer in time is replaced, for that request, by this process's memory.
 */
export interface ScoreStore {
  add(client: string, points: number, now: number, rules: ScoreRules): ClientScore | Promise<ClientScore>
  read(client: string, now: number, rules: ScoreRules): ClientScore | undefined | Promise<ClientScore | undefined>
  /** Amnesty: forgets the client. */
  forgive(client: string): void | Promise<void>
}

/** Scores in the memory of this process, at most `size` clients; the one longest without an offence is forgotten first. */
export function memoryScores(size: number = 10_000): ScoreStore {
  const scores = new Map<string, ClientScore>()
  return {
    add(client, points, now, rules) {
      const next = raised(scores.get(client), points, now, rules)
      scores.delete(client)
      if (scores.size >= size) scores.delete(scores.keys().next().value!)
      scores.set(client, next)
      return next
    },
    read(client, now, rules) {
      const record = scores.get(client)
      if (record === undefined) return undefined
      const left = faded(record, now, rules)
      if (left.jailedUntil === 0 && left.score < 0.01) scores.delete(client)
      return left
    },
    forgive(client) {
      scores.delete(client)
    },
  }
}

/** What the wheel needs of a clock. */
interface Clock {
  now(): number
  after(ms: number, fire: () => void): () => void
}

/** An alarm of the wheel; a link of one slot's ring. */
export class Alarm {
  /** The moment it is due; undefined when it is not in the wheel. */
  due: number | undefined
  previous: Alarm = this
  next: Alarm = this
  readonly fire: () => void

  constructor(fire: () => void) {
    this.fire = fire
  }
}

const SLOTS = 256
const SLOT_MS = 8
const HOP_MS = 64

/**
 * A hashed timer wheel (Varghese and Lauck 1987, scheme 6): adding and removing are a few pointer writes whatever the number of
 * pending alarms, and one timer of the clock serves them all. The timer exists only while something is pending.
 */
export class Wheel {
  readonly #clock: Clock
  readonly #slots: readonly Alarm[] = Array.from({ length: SLOTS }, () => new Alarm(() => undefined))
  #pending = 0
  #turned = 0
  #armedFor = Infinity
  #disarm: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many alarms wait. */
  get pending(): number {
    return this.#pending
  }

  /** Fires the alarm `ms` from now. */
  add(alarm: Alarm, ms: number): void {
    const now = this.#clock.now()
    const due = now + ms
    if (this.#pending === 0) this.#turned = Math.floor(now / SLOT_MS)
    const slot = this.#slots[Math.max(Math.floor(due / SLOT_MS), this.#turned) % SLOTS]!
    alarm.due = due
    alarm.previous = slot.previous
    alarm.next = slot
    slot.previous.next = alarm
    slot.previous = alarm
    this.#pending++
    this.#arm(now, Math.min(due, now + HOP_MS))
  }

  /** Takes the alarm out; the timer goes with the last one. Harmless when the alarm is not in. */
  remove(alarm: Alarm): void {
    if (alarm.due === undefined) return
    unlink(alarm)
    if (--this.#pending > 0) return
    this.#disarm()
    this.#armedFor = Infinity
  }

  #arm(now: number, at: number): void {
    if (at >= this.#armedFor) return
    this.#disarm()
    this.#armedFor = at
    // a timer may come up to a millisecond early; rounding up keeps that from turning the wheel twice
    this.#disarm = this.#clock.after(Math.max(0, Math.ceil(at - now)), () => this.#turn())
  }

  #turn(): void {
    const now = this.#clock.now()
    this.#armedFor = Infinity
    for (const alarm of this.#expired(now)) {
      if (alarm.due === undefined) continue
      unlink(alarm)
      this.#pending--
      alarm.fire()
    }
    if (this.#pending > 0) this.#arm(now, this.#nextDue(now))
  }

  #expired(now: number): Alarm[] {
    const until = Math.floor(now / SLOT_MS)
    const expired: Alarm[] = []
    for (let index = Math.max(this.#turned, until - SLOTS + 1); index <= until; index++) {
      for (const alarm of this.#slot(index)) if (alarm.due! <= now) expired.push(alarm)
    }
    this.#turned = until
    return expired.sort((a, b) => a.due! - b.due!)
  }

  #nextDue(now: number): number {
    const first = Math.floor(now / SLOT_MS)
    for (let index = first; index <= first + HOP_MS / SLOT_MS; index++) {
      let earliest = Infinity
      for (const alarm of this.#slot(index)) earliest = Math.min(earliest, alarm.due!)
      if (earliest <= now + HOP_MS) return earliest
    }
    return now + HOP_MS
  }

  *#slot(index: number): Generator<Alarm> {
    const head = this.#slots[index % SLOTS]!
    for (let alarm = head.next; alarm !== head; alarm = alarm.next) yield alarm
  }
}

function unlink(alarm: Alarm): void {
  alarm.previous.next = alarm.next
  alarm.next.previous = alarm.previous
  alarm.previous = alarm.next = alarm
  alarm.due = undefined
}

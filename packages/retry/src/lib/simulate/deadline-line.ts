import { DeadlineQueue } from '../server/deadline-queue.ts'
import type { Job, Line } from './server.ts'

/** The server's queue under the deadline policy: the shipped queue, on virtual time. */
export function deadlineLine(): Line {
  const queue = new DeadlineQueue<Job>({ limit: 1000, target: 200, interval: 200 }, (job, why) =>
    job.answer(unavailable(why)),
  )
  return {
    get size() {
      return queue.size
    },
    push: (job, now) => queue.push(job, job.due, now),
    shift: (now) => queue.shift(now),
  }
}

function unavailable(why: string): Error {
  return Object.assign(new Error(`503 ${why}`), { status: 503 })
}

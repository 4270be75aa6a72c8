import type { Answer, Denial } from './policy.ts'

/** Shared by every place that bounds a body. */
export const TOO_LARGE: Denial = { status: 413, code: 'body-too-large', title: 'The request body is too large' }

const answers = new WeakMap<Denial, Answer>()

/**
 * A denial as an RFC 9457 problem document. The same Denial object gives the same Answer, so that a policy which keeps
 * its denials in constants serialises each once.
 */
export function problem(denial: Denial): Answer {
  let answer = answers.get(denial)
  if (answer === undefined) {
    const { status, code, title, detail, members } = denial
    answer = {
      status,
      headers: [
        ['content-type', 'application/problem+json'],
        ['cache-control', 'no-store'],
      ],
      body: JSON.stringify({ ...members, type: `urn:shop:problem:${code}`, title, status, detail }),
    }
    answers.set(denial, answer)
  }
  return answer
}

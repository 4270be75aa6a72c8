import { expect, test } from 'vitest'

import { problem } from './problem.ts'

test('a denial becomes an RFC 9457 document, serialised once', () => {
  const denial = { status: 429, code: 'rate-limit', title: 'Too many requests', members: { retryAfter: 3, status: 1 } }
  const answer = problem(denial)
  expect(answer).toMatchObject({
    status: 429,
    headers: [
      ['content-type', 'application/problem+json'],
      ['cache-control', 'no-store'],
    ],
  })
  expect(JSON.parse(answer.body as string)).toEqual({
    type: 'urn:shop:problem:rate-limit',
    title: 'Too many requests',
    status: 429,
    retryAfter: 3,
  })
  expect(problem(denial)).toBe(answer)
})

export type { Answer, Denial, HeaderPairs, Outcome, Policy, ReplyView, RequestView, Verdict } from './lib/policy.ts'

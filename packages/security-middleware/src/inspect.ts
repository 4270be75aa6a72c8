export { type ClientScore, memoryScores, raised, type ScoreRules, type ScoreStore } from './lib/client-score.ts'
export { detect } from './lib/detector.ts'
export type { FieldKind, FieldSchema } from './lib/field-kinds.ts'
export type { AttackClass, Finding } from './lib/finding.ts'
export {
  findingOf,
  inspect,
  inspect as suspiciousActivityLogging,
  type InspectOptions,
  type InspectPolicy,
} from './lib/inspect.ts'
export type { InspectionEngine } from './lib/inspection-engine.ts'
export type { RequestFinding } from './lib/scan-request.ts'
export type { WhenStoreFails } from './lib/score-keeper.ts'
export type { InspectMode, Suspicion, SuspicionKind } from './lib/suspicion.ts'

export { deadlineOf, deadlines, type DeadlinesOptions, type RequestDeadline } from './lib/server/deadlines.ts'

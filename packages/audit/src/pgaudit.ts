export { checkPgaudit, type PgauditCheckOptions, type PgauditFinding } from './lib/pgaudit-check.ts'
export { type PgauditClass, type PgauditConfig, pgauditConfig, type PgauditOptions } from './lib/pgaudit-config.ts'
export { type LogFormat, maskLiterals, parsePgaudit, type PgauditEntry, pgauditEvent } from './lib/pgaudit-parse.ts'

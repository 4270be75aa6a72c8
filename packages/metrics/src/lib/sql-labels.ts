const OPERATIONS = new Set(
  'SELECT INSERT UPDATE DELETE MERGE WITH COPY BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE SET SHOW RESET LISTEN NOTIFY UNLISTEN CREATE ALTER DROP TRUNCATE LOCK FETCH DECLARE CLOSE CALL DO EXPLAIN ANALYZE VACUUM REFRESH GRANT REVOKE VALUES PREPARE EXECUTE DEALLOCATE DISCARD CLUSTER REINDEX COMMENT'.split(
    ' ',
  ),
)
const FIRST_WORD = /^(?:\s|\(|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*([a-zA-Z]+)/

/** The statement's first word, as one of a fixed few; never anything else of the statement. */
export function operationLabel(sql: string): string {
  const word = FIRST_WORD.exec(sql.slice(0, 1000))?.[1]?.toUpperCase()
  return word !== undefined && OPERATIONS.has(word) ? word : '_OTHER'
}

/** The SQLSTATE of an error, or node's code of a lost connection; empty without one. */
export function errorCodeLabel(error: unknown): string {
  if (error === undefined || error === null) return ''
  const code = (error as { readonly code?: unknown }).code
  return typeof code === 'string' && /^[0-9A-Z_]{2,40}$/.test(code) ? code : 'error'
}

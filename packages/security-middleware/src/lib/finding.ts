/** The classes of attack the detector knows. */
export type AttackClass =
  | 'sql-injection'
  | 'xss'
  | 'path-traversal'
  | 'command-injection'
  | 'nosql-injection'
  | 'template-injection'
  | 'xml-entity'
  | 'jndi-lookup'
  | 'ldap-injection'
  | 'header-splitting'

/** Where in a text a rule struck. Offsets are UTF-16 units, `end` exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly rule: string
}

/** What the detector found, and in which form of the value. */
export interface Finding extends Span {
  readonly class: AttackClass
  /** How many layers of encoding lay over it: 0 as sent. */
  readonly layer: number
  /** The decoded form the span points into. */
  readonly form: string
}

import { createVault, decryptFields, encryptFields, Secret } from '../index.ts'
import type { FieldContext, Token } from '../index.ts'

const vault = createVault({ masterKey: '' })
const context: FieldContext = { table: 't', column: 'c', row: 1 }

// a token remembers the type of its value
export const text: string = vault.decrypt(vault.encrypt('x', context), context)
export const item: { a: number } = vault.decrypt(vault.encrypt({ a: 1 }, context), context)
// @ts-expect-error a token of a string does not give a number
export const wrong: number = vault.decrypt(vault.encrypt('x', context), context)
// @ts-expect-error what came from the database is unknown until it was looked at
export const unknown: string = vault.decrypt('e1.from-the-database', context)
// @ts-expect-error a plain string is no token of a type
export const token: Token<string> = 'e1.made-up'

// @ts-expect-error the context is not optional
vault.encrypt('x')
// @ts-expect-error a place without a row is no place
vault.encrypt('x', { table: 't', column: 'c' })
// @ts-expect-error there is no algorithm to choose
vault.encrypt('x', context, 'aes-128-ecb')
// @ts-expect-error options have no such name
createVault({ masterkey: '' })

interface Row {
  readonly id: number
  readonly phone: string
}
const row: Row = { id: 1, phone: '+49' }
const spec = { vault, table: 't', key: 'id', columns: ['phone'] } as const
export const sealed: Token<string> = encryptFields<Row, 'phone'>(row, spec).phone
export const opened: string = decryptFields<Row, 'phone'>(encryptFields<Row, 'phone'>(row, spec), spec).phone
// @ts-expect-error a column the row does not have
encryptFields<Row, 'phone'>(row, { ...spec, columns: ['email'] })
// @ts-expect-error a secret is not its value
export const revealed: string = new Secret('x')

import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { columnCommand } from './cli-columns.ts'
import { fileCommand } from './cli-files.ts'
import { keysetCommand } from './cli-keyset.ts'
import { cliError } from './cli-options.ts'
import type { CliValues, CliWorld } from './cli-options.ts'
import { CryptoError } from './errors.ts'

/** What `shop-crypto help` prints. */
export const usage = `shop-crypto <command>

  keygen                           print a new key: 64 hexadecimal characters
  keyset create|list               make a keyset, show one
  keyset add|promote|retire|destroy
                                   add a key, make it the primary, take it out, throw it away (--id)
  encrypt IN OUT, decrypt IN OUT   files, in constant memory; - is stdin or stdout
  reencrypt                        bring a column under the primary key, online
  migrate-legacy                   encrypt what a column still holds in the clear or as iv:ciphertext

keys
  --keyset PATH          the keyset; without it MASTER_ENCRYPTION_KEY is the key
  --wrap-env NAME        the keyset's keys are wrapped by the key in this variable
  --wrap-file PATH       … or in this file
  --id N                 which key
  --not-before, --not-after INSTANT   when a new key may encrypt
files
  --context TEXT         bound to the file; the same is needed to decrypt it  [file]
columns
  --database URL         PostgreSQL  [DATABASE_URL]
  --table T --column C --key K[,K]    what to rewrite; key is the primary key
  --tenant C             the column of the context's tenant
  --context-table T      the table's name in the context, when it is another
  --deterministic        the column is a deterministic one
  --batch N              rows per statement  [1000]
  --dry-run              decrypt and count, write nothing
  --max-lock-waits N     pause while more sessions wait for locks  [5]
  --max-lag SECONDS      pause while a standby is behind  [10]
  --from plaintext|iv:ciphertext      what migrate-legacy finds
  --legacy-key-env NAME  where the old key is  [LEGACY_ENCRYPTION_KEY]
`

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const options = {
  keyset: text, 'wrap-env': text, 'wrap-file': text, id: text, 'not-before': text, 'not-after': text, context: text, database: text,
  table: text, column: text, key: text, tenant: text, 'context-table': text, deterministic: flag, batch: text, 'dry-run': flag,
  'max-lock-waits': text, 'max-lag': text, from: text, 'legacy-key-env': text, help: flag,
} // prettier-ignore

/** Runs one command line. @returns the exit code: 0 done, 1 failed or rows left, 2 a command line that makes no sense. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  try {
    const { values, positionals } = parse(args)
    const [command, ...rest] = positionals
    if (command === undefined || command === 'help' || values['help'] === true) {
      world.stdout.write(usage)
      return command === undefined && values['help'] !== true ? 2 : 0
    }
    return await run(command, rest, values, world)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const code = error instanceof CryptoError ? `${error.code}: ` : ''
    world.stderr.write(`shop-crypto: ${code}${error.message}\n`)
    return code.startsWith('ERR_SHOP_CRYPTO_CLI') ? 2 : 1
  }
}

async function run(command: string, rest: readonly string[], values: CliValues, world: CliWorld): Promise<number> {
  switch (command) {
    case 'keygen':
      world.stdout.write(`${randomBytes(32).toString('hex')}\n`)
      return 0
    case 'keyset':
      return keysetCommand(rest[0], values, world)
    case 'encrypt':
    case 'decrypt':
      return fileCommand(command, rest, values, world)
    case 'reencrypt':
    case 'migrate-legacy':
      return columnCommand(command, values, world)
    default:
      throw cliError(`there is no command ${JSON.stringify(command)}; see: shop-crypto help`)
  }
}

function parse(args: readonly string[]): { values: CliValues; positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw cliError((error as Error).message)
  }
}

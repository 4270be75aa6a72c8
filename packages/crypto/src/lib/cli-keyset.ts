import { cliError, numberOf, required, wrapperOf } from './cli-options.ts'
import type { CliValues, CliWorld } from './cli-options.ts'
import { addKey, createKeyset, destroyKey, promoteKey, retireKey } from './keyset-edit.ts'
import type { KeysetJson } from './keyset-json.ts'
import { fileKeysetStore } from './keyset-store.ts'

/** `shop-crypto keyset create|add|promote|retire|destroy|list --keyset PATH`. */
export async function keysetCommand(action: string | undefined, values: CliValues, world: CliWorld): Promise<number> {
  const path = required(values, 'keyset')
  const store = fileKeysetStore(path)
  const stored = await store.load()
  if (action === 'create') {
    if (stored !== undefined) throw cliError(`${path} is there already`)
  } else if (stored === undefined) throw cliError(`there is no ${path}; make it with: shop-crypto keyset create`)
  const next = await changed(action, stored as KeysetJson, values)
  if (next !== undefined && !(await store.save(next, stored)))
    throw cliError(`${path} was changed by somebody else meanwhile; try again`)
  world.stdout.write(table(next ?? (stored as KeysetJson)))
  return 0
}

async function changed(
  action: string | undefined,
  keyset: KeysetJson,
  values: CliValues,
): Promise<KeysetJson | undefined> {
  const fresh = {
    wrapper: wrapperOf(values),
    notBefore: values['not-before'] as string,
    notAfter: values['not-after'] as string,
  }
  const id = (): number => numberOf(values, 'id') ?? Number(required(values, 'id'))
  // the mistake of a forgotten option would lie beside its wrapped siblings in the clear
  if (action === 'add' && fresh.wrapper === undefined && keyset.keys.some((key) => key.wrapped !== undefined))
    throw cliError('the keys of this keyset are wrapped; wrap the new one too, by --wrap-env or --wrap-file')
  switch (action) {
    case 'create':
      return createKeyset(fresh)
    case 'add':
      return addKey(keyset, fresh)
    case 'promote':
      return promoteKey(keyset, id())
    case 'retire':
      return retireKey(keyset, id())
    case 'destroy':
      return destroyKey(keyset, id())
    case 'list':
      return undefined
    default:
      throw cliError('keyset takes create, add, promote, retire, destroy or list')
  }
}

function table({ keys }: KeysetJson): string {
  const rows = keys.map((key) => [
    String(key.id),
    key.state,
    key.created ?? '-',
    key.notBefore ?? '-',
    key.notAfter ?? '-',
    key.state === 'destroyed' ? '-' : (key.wrapper ?? 'in the clear'),
  ])
  const lines = [['id', 'state', 'created', 'not before', 'not after', 'kept'], ...rows]
  const widths = (lines[0] as string[]).map((_, i) => Math.max(...lines.map((line) => (line[i] as string).length)))
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, i) => cell.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from 'vitest'

import { root } from './lib/run.mjs'

const read = (folder, file) => readFileSync(path.join(root, folder, file), 'utf8')
const json = (folder, file) => JSON.parse(read(folder, file))
const template = 'scripts/template'

describe.each(readdirSync(path.join(root, 'packages')))('packages/%s', (name) => {
  const folder = `packages/${name}`
  const manifest = json(folder, 'package.json')
  const sources = globSync('src/**/*.ts', { cwd: path.join(root, folder) }).filter(
    (file) => !/\.test(-d)?\.ts$/.test(file),
  )

  test('has every room of the template', () => {
    const rooms = [
      'README.md',
      'tsconfig.json',
      'tsconfig.build.json',
      'tsup.config.ts',
      'src/index.ts',
      'src/lib/errors.ts',
    ]
    expect(rooms.filter((file) => !existsSync(path.join(root, folder, file)))).toEqual([])
    expect(globSync('bench/*.bench.ts', { cwd: path.join(root, folder) })).not.toEqual([])
    expect(read(folder, 'tsup.config.ts')).toBe(read(template, 'tsup.config.ts'))
    expect(json(folder, 'tsconfig.json').include).toEqual(expect.arrayContaining(['src', 'bench', 'soak']))
    for (const file of ['tsconfig.json', 'tsconfig.build.json'])
      expect(json(folder, file).extends).toBe('../../tsconfig.base.json')
  })

  test('says the same of itself as every other', () => {
    const same = ['version', 'license', 'type', 'scripts']
    const ours = json(template, 'package.json')
    for (const key of same) expect([key, manifest[key]]).toEqual([key, ours[key]])
    expect(manifest.name).toBe(`@shop/${name}`)
    expect(manifest.files).toEqual(expect.arrayContaining(ours.files))
    expect(manifest.repository).toEqual({ ...ours.repository, directory: folder })
    expect(manifest.publishConfig).toMatchObject({ access: 'public', provenance: true })
  })

  test('publishes from dist what it exports from src', () => {
    const published = Object.entries(manifest.exports).map(([key, file]) => {
      const built = file.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1')
      return [key, built === file ? file : { types: `${built}.d.ts`, default: `${built}.js` }]
    })
    expect(manifest.publishConfig.exports).toEqual(Object.fromEntries(published))
  })

  test('exports by name, and nothing by default or by star', () => {
    for (const file of sources) expect([file, /^export (\*|default)/m.test(read(folder, file))]).toEqual([file, false])
    const index = read(folder, 'src/index.ts').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    expect(index.replaceAll(/export (type )?\{[^}]*\} from '[^']+'/g, '').trim()).toBe('')
  })

  test('has no drawer: no utils, helpers, common or shared', () => {
    expect(sources.filter((file) => /\b(utils?|helpers?|common|shared|misc)\b/.test(file))).toEqual([])
  })

  test('has a line in decisions/ for every runtime dependency', () => {
    const records = globSync('decisions/*.md', { cwd: root })
      .map((file) => readFileSync(path.join(root, file), 'utf8'))
      .join('\n')
      .toLowerCase()
    const foreign = Object.keys(manifest.dependencies ?? {}).filter((dependency) => !dependency.startsWith('@shop/'))
    expect(foreign.filter((dependency) => !records.includes(dependency.toLowerCase()))).toEqual([])
  })

  test('has a changeset, unless it is released', () => {
    const changesets = readdirSync(path.join(root, '.changeset')).filter((file) => file.endsWith('.md'))
    const named = changesets.some((file) => read('.changeset', file).includes(`'@shop/${name}'`))
    expect(named || existsSync(path.join(root, folder, 'CHANGELOG.md'))).toBe(true)
  })
})

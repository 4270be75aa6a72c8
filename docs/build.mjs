// npm run docs: READMEs, guides, decisions and the API pages typedoc writes become docs/.site, laid out as
// the repository is so that links between them hold; VitePress makes docs/.vitepress/dist of it.
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { Application } from 'typedoc'
import { build } from 'vitepress'

const root = fileURLToPath(new URL('..', import.meta.url))
const site = path.join(root, 'docs/.site')

rmSync(site, { recursive: true, force: true })
for (const file of globSync(['*.md', 'packages/*/README.md', 'docs/guides/*.md', 'decisions/*.md'], { cwd: root })) {
  mkdirSync(path.dirname(path.join(site, file)), { recursive: true })
  writeFileSync(path.join(site, file), toPages(readFileSync(path.join(root, file), 'utf8'), path.dirname(file)))
}
for (const picture of globSync(['{docs/public,docs/guides}/**/*.{png,svg}', 'packages/*/{bench,docs}/*.{png,svg}'], {
  cwd: root,
}))
  cpSync(path.join(root, picture), path.join(site, picture))

const typedoc = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  entryPointStrategy: 'packages',
  entryPoints: [path.join(root, 'packages/*')],
  packageOptions: {
    readme: 'none',
    disableGit: true,
    sourceLinkTemplate: 'https://example.invalid/shop/blob/main/{path}#L{line}',
    excludeInternal: true,
    skipErrorChecking: true, // TypeScript 7 checked them; this one only reads them
    validation: false,
  },
  name: 'API',
  readme: 'none',
  outputs: [{ name: 'markdown', path: path.join(site, 'api') }],
  entryFileName: 'README',
  logLevel: 'Error',
})
const project = await typedoc.convert()
if (!project) process.exit(3)
await typedoc.generateOutputs(project)
if (typedoc.logger.hasErrors()) process.exit(4)

await build(path.join(root, 'docs'))

/** A link to a folder shows its README on a forge; on the site it has to end in a slash. */
function toPages(text, from) {
  return text.replaceAll(/\]\((?!\w+:|#)([^)#]+?)\/?(#[^)]*)?\)/g, (whole, target, anchor = '') =>
    existsSync(path.join(root, from, target, 'README.md')) ? `](${target}/${anchor})` : whole,
  )
}

import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { defineConfig } from 'vitepress'

const site = path.join(import.meta.dirname, '../.site')

/** The pages a pattern finds, titled by their first heading. */
const pages = (pattern: string): { text: string; link: string }[] =>
  globSync(pattern, { cwd: site })
    .toSorted()
    .map((file) => ({
      text: /^# (.+)$/m.exec(readFileSync(path.join(site, file), 'utf8'))?.[1] ?? path.basename(file, '.md'),
      link: `/${file.replace(/README\.md$/, '').replace(/\.md$/, '')}`,
    }))

export default defineConfig({
  title: 'shop',
  description: 'Security, observability and database packages for e-commerce services on Node',
  srcDir: '.site',
  rewrites: { 'README.md': 'index.md', ':dir(.*)/README.md': ':dir/index.md' },
  ignoreDeadLinks: [/\/(src|bench|scripts|examples|tools|LICENSE)/, 'localhostLinks'],
  lastUpdated: false,
  markdown: { languageAlias: { promql: 'python' } }, // the nearest grammar it knows
  themeConfig: {
    nav: [
      { text: 'Guides', link: pages('docs/guides/*.md')[0]?.link ?? '/' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: [
      { text: 'Packages', items: pages('packages/*/README.md') },
      { text: 'Guides', items: pages('docs/guides/*.md') },
      { text: 'API', collapsed: true, items: pages('api/@shop/*/README.md') },
      { text: 'Decisions', collapsed: true, items: pages('decisions/*.md') },
    ],
    search: { provider: 'local' },
  },
})

import { existsSync, readdirSync } from 'node:fs'

import { defineConfig } from 'vitest/config'

/** One project per workspace folder that has tests, named after the folder: `npm test crypto`. */
const projects = (group: string) =>
  readdirSync(group)
    .filter((name) => existsSync(`${group}/${name}/src`))
    .map((name) => ({
      extends: true as const,
      root: `${group}/${name}`,
      test: { name, include: ['src/**/*.test.ts'] },
    }))

export default defineConfig({
  test: {
    projects: [
      ...projects('packages'),
      ...projects('examples'),
      ...projects('tools'),
      { extends: true, test: { name: 'scripts', include: ['scripts/**/*.test.mjs'] } },
    ],
    globalSetup: ['./tools/testkit/src/setup.ts'],
    reporters: ['default', './tools/testkit/src/reporter.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // what is waited for comes late on a busy machine; whether it comes is the question
    expect: { poll: { timeout: 20_000 } },
    restoreMocks: true,
    unstubEnvs: true,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      reportOnFailure: true,
    },
  },
})

// npm test [name] [file …]: fetches the components the tests talk to, then checks the types, then runs
// every test in one vitest run; both are run to their end whatever the first finds.
import { forgetCounts, readCounts, writeCounts } from '../lib/counts.mjs'
import { task, tool } from '../lib/run.mjs'
import { folders } from '../lib/workspace.mjs'

const args = process.argv.slice(2)
const only = args[0] && !args[0].startsWith('-') ? folders(args.shift()) : []
const filters = only.map((folder) => `--filter=./${folder}`)
const projects = only.flatMap((folder) => ['--project', folder.split('/')[1]])
const covered = only.length > 0 ? ['--coverage.include=src/**/*.ts'] : [] // from the project's own root

if (process.env.SHOP_COMPONENTS !== 'off') await task('components', ['--if-missing'])
const types = await tool('turbo', ['run', 'typecheck', '--continue', '--output-logs=errors-only', ...filters])
forgetCounts()
const tests = await tool('vitest', ['run', '--coverage', ...projects, ...covered, ...args])
console.log(types === 0 ? 'types: ok' : 'types: FAILED, the errors are above the tests')

const counts = readCounts() ?? { passed: 0, failed: 0, skipped: 0, failures: [] }
if (tests !== 0 && counts.failed === 0) {
  counts.failed++
  counts.failures.push(`vitest ended with ${tests}, though no test failed`)
}
counts[types === 0 ? 'passed' : 'failed']++
writeCounts(counts)
process.exitCode = types === 0 && tests === 0 ? 0 : 1

import { ruleTestFiles } from './rule-tests.ts'
import { ruleFiles } from './rules.ts'

/** Every generated file of the package, by its path in it. */
export async function shippedFiles(): Promise<Readonly<Record<string, string>>> {
  return {
    ...under('prometheus', ruleFiles()),
    ...under('prometheus/tests', ruleTestFiles()),
  }
}

function under(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]))
}

import { appendFileSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule } from 'vitest/node'

export interface Counts {
  readonly passed: number
  readonly failed: number
  /** Full titles: a skipped test says in its title why, and what would run it. */
  readonly skipped: readonly string[]
}

export const summaryLine = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped.length} skipped`

export const sum = (all: readonly Counts[]): Counts => ({
  passed: all.reduce((total, { passed }) => total + passed, 0),
  failed: all.reduce((total, { failed }) => total + failed, 0),
  skipped: all.flatMap(({ skipped }) => skipped),
})

export function summaryText(counts: Counts): string {
  const titles = counts.skipped.map((title) => `  ${title}\n`).join('')
  return `${titles && `skipped:\n${titles}`}${summaryLine(counts)}\n`
}

/** A file or a hook that failed counts as a failure, although no test of it ran. */
function countModule(module: TestModule): Counts {
  const counts = { passed: 0, failed: module.errors().length, skipped: [] as string[] }
  for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    if (state === 'passed') counts.passed++
    else if (state === 'failed') counts.failed++
    else counts.skipped.push(`${module.relativeModuleId}: ${test.fullName}`)
  }
  return counts
}

/** Ends a run with its plain numbers, and leaves them for scripts/test.ts in the file KEYSTEAD_TEST_COUNTS names. */
export class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = sum([...modules.map(countModule), { passed: 0, failed: unhandled.length, skipped: [] }])
    const file = process.env.KEYSTEAD_TEST_COUNTS
    if (file) appendFileSync(file, `${JSON.stringify(counts)}\n`)
    else process.stdout.write(summaryText(counts))
  }
}

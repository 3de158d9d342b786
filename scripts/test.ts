/**
 * `npm test`: every check, in CI's order. Stops at the first that fails; `--all` goes on to the end.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Counts, sum, summaryText } from './reporter.ts'

interface Step {
  readonly name: string
  /** What Node runs, from the clone's root. */
  readonly script: string
  readonly args: readonly string[]
  /** True where the step must leave counts, so that a runner that ran nothing is no success. */
  readonly counts?: boolean
}

const tests = (name: string, project: string): Step => ({
  name,
  script: 'node_modules/vitest/vitest.mjs',
  args: ['run', `--project=${project}`],
  counts: true,
})

const steps: readonly Step[] = [
  { name: 'types', script: 'node_modules/typescript/bin/tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'lint', script: 'node_modules/@biomejs/biome/bin/biome', args: ['check', '--error-on-warnings', '.'] },
  tests('unit', 'unit'),
  { name: 'derived files', script: 'infra/derive.ts', args: ['--check'] },
  { name: 'bundle sizes', script: 'infra/bundle.ts', args: ['--check'] },
  tests('token', 'token'),
  tests('integration', 'localstack'),
  tests('end-to-end', 'e2e'),
  tests('end-to-end under serverless-offline', 'e2e-offline'),
  tests('package for AWS', 'package'),
]

const root = new URL('..', import.meta.url)
let interrupted = false

const execute = ({ script, args }: Step, countsFile: string): Promise<number> =>
  new Promise((resolve) => {
    const env = { ...process.env, KEYSTEAD_TEST_COUNTS: countsFile }
    const child = spawn(process.execPath, [script, ...args], { cwd: root, env, stdio: 'inherit' })
    // The step ends what it has started; then so does this.
    const end = (signal: NodeJS.Signals) => {
      interrupted = true
      child.kill(signal)
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
    child.once('error', () => resolve(1))
    child.once('close', (code) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end)
      resolve(code ?? 1)
    })
  })

const countsIn = (file: string): Counts | undefined => {
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return sum(lines.map((line) => JSON.parse(line) as Counts))
}

/** @returns why it failed */
async function failureOf(step: Step, countsFile: string): Promise<string | undefined> {
  if (!existsSync(new URL(step.script, root))) return `${step.script} does not exist`
  const code = await execute(step, countsFile)
  if (code !== 0) return `exit ${code}`
  const counts = countsIn(countsFile)
  if (step.counts && !counts?.passed) return 'no test ran'
  return undefined
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } })
  const directory = mkdtempSync(join(tmpdir(), 'keystead-test-counts-'))
  const counted: Counts[] = []
  const failures: string[] = []
  for (const [index, step] of steps.entries()) {
    const countsFile = join(directory, String(index))
    process.stdout.write(`\n— ${step.name}\n`)
    const began = performance.now()
    const failure = await failureOf(step, countsFile)
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    const counts = countsIn(countsFile)
    if (counts) counted.push(counts)
    process.stdout.write(`— ${step.name}: ${failure ? `FAILED (${failure})` : 'ok'}, ${seconds} s\n`)
    if (failure) failures.push(`${step.name} failed (${failure}): node ${[step.script, ...step.args].join(' ')}`)
    if (interrupted || (failure && !values.all)) break
  }
  rmSync(directory, { recursive: true, force: true })
  process.stdout.write(`\n${failures.map((failure) => `${failure}\n`).join('')}${summaryText(sum(counted))}`)
  return failures.length === 0
}

process.exitCode = (await main()) ? 0 : 1

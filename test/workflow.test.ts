/** What may run in CI, and with which rights: a workflow is a program with a token. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions?: unknown
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly 'runs-on': string
        readonly 'timeout-minutes'?: number
        readonly permissions?: Readonly<Record<string, string>>
        readonly steps: readonly Step[]
      }
    >
  >
}

const folder = new URL('../.github/workflows/', import.meta.url)
const files = readdirSync(folder).filter((file) => /\.ya?ml$/.test(file))

test('there is one workflow', () => {
  expect(files).toEqual(['ci.yml'])
})

describe.each(files)('%s', (file) => {
  const text = readFileSync(new URL(file, folder), 'utf8')
  const workflow = parse(text) as Workflow
  const jobs = Object.entries(workflow.jobs)
  const steps = jobs.flatMap(([, job]) => job.steps)

  test('runs actions at a commit, with the version that it is beside', () => {
    const lines = text.split('\n').filter((line) => /^\s*(?:-\s+)?uses:/.test(line))
    expect(lines.length).toBe(steps.filter(({ uses }) => uses).length)
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) {
      expect(line).toMatch(/uses: (?:actions|github)\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    }
    const commits = new Map<string, Set<string>>()
    for (const { uses = '' } of steps.filter(({ uses }) => uses)) {
      const [action = '', commit = ''] = uses.split('@')
      const repository = action.split('/').slice(0, 2).join('/')
      commits.set(repository, (commits.get(repository) ?? new Set()).add(commit))
    }
    expect(Array.from(commits.values(), ({ size }) => size).filter((size) => size > 1)).toEqual([])
  })

  test('has a token that may read the tree, and nothing else but to show what CodeQL finds', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
    const wider = jobs.filter(([, { permissions }]) => permissions)
    expect(wider.map(([name, { permissions }]) => [name, permissions])).toEqual([
      ['codeql', { contents: 'read', 'security-events': 'write' }],
    ])
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'))
    expect(checkouts.length).toBe(jobs.length)
    for (const checkout of checkouts) expect(checkout.with).toEqual({ 'persist-credentials': false })
    expect(text).not.toMatch(/secrets\./)
  })

  test('lets nothing that a stranger writes into a shell, nor his change near a secret', () => {
    expect(Object.keys(workflow.on).sort()).toEqual(['pull_request', 'push', 'schedule'])
    expect(steps.filter(({ run = '' }) => run.includes('${{')).map(({ run }) => run)).toEqual([])
  })

  test('runs on a named system, and ends', () => {
    for (const [name, job] of jobs) {
      expect([name, job['runs-on'], job['timeout-minutes'] ?? 0]).toEqual([name, 'ubuntu-24.04', expect.any(Number)])
      expect(job['timeout-minutes']).toBeGreaterThan(0)
    }
  })

  test('checks what a change must pass, what is installed, and keeps the bill of what is shipped', () => {
    const ran = steps.flatMap(({ run }) => (run ? [run] : []))
    expect(ran).toEqual(
      expect.arrayContaining([
        '.ci/run',
        expect.stringMatching(/apt-get install .*softhsm2/),
        'npm run audit:dependencies',
        'npm run --silent sbom > keystead.cdx.json',
      ]),
    )
    const kept = steps.find(({ uses }) => uses?.startsWith('actions/upload-artifact@'))
    expect(kept?.with).toMatchObject({ path: 'keystead.cdx.json', 'if-no-files-found': 'error' })
  })
})

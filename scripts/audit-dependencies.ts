/**
 * `npm run audit:dependencies`: whether what is shipped has advisories of high severity, as the registry knows them. A
 * registry that has no advisories to ask for, as many mirrors, is named, and nothing is claimed.
 */
import { spawnSync } from 'node:child_process'

interface Report {
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> }
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>
  /** Of what the registry answered, where it did not answer with advisories. */
  readonly statusCode?: number
  readonly message?: string
}

/** Not there, not allowed, not implemented. */
const noSuchEndpoint = [404, 405, 501]

const args = ['audit', '--package-lock-only', '--omit=dev', '--audit-level=high', '--json', '--fetch-retries=1']
const { status, stdout, stderr } = spawnSync('npm', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })

function reportIn(text: string): Report {
  try {
    return JSON.parse(text)
  } catch {
    return { message: stderr.trim().split('\n').at(-1) ?? '' }
  }
}

const { metadata, vulnerabilities, statusCode, message } = reportIn(stdout)
if (metadata) {
  const counts = Object.entries(metadata.vulnerabilities).filter(
    ([severity, count]) => severity !== 'total' && count > 0,
  )
  process.stdout.write(
    `Advisories: ${counts.map(([severity, count]) => `${count} ${severity}`).join(', ') || 'none'}\n`,
  )
  for (const [name, { severity, range }] of Object.entries(vulnerabilities ?? {})) {
    process.stdout.write(`  ${severity}: ${name} ${range}\n`)
  }
  process.exitCode = status ?? 1
} else if (statusCode !== undefined && noSuchEndpoint.includes(statusCode)) {
  process.stdout.write(`NOT AUDITED: this registry has no advisories to ask for (${statusCode})\n`)
} else {
  process.stderr.write(`The advisories could not be had: ${message ?? 'npm said nothing'}\n`)
  process.exitCode = 1
}

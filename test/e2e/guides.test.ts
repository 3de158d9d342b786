/** Every guide exactly as it stands: its files are written, its commands run, and what it says they print is printed. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { cleanEnv, credentialsIn } from '../harness/server.ts'

const pages = fileURLToPath(new URL('../../docs/guides/', import.meta.url))
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url))
const names = readdirSync(pages).filter((name) => name !== 'README.md')
const openssl = spawnSync('openssl', ['version'], { encoding: 'utf8' }).status === 0

interface Guide {
  readonly files: readonly { readonly name: string; readonly text: string }[]
  readonly script: string
  readonly prints: readonly string[]
}

/** A fenced block counts when a comment before it says what it is: `file: <name>`, `run` or `prints`. */
function guideIn(page: string): Guide {
  const text = readFileSync(join(pages, page), 'utf8')
  const blocks = [...text.matchAll(/^<!-- (file|run|prints)(?:: (\S+))? -->\n```\w*\n([\s\S]*?)^```$/gm)].map(
    ([, kind, name = '', body = '']) => ({ kind, name, text: body }),
  )
  const of = (kind: string) => blocks.filter((block) => block.kind === kind)
  return {
    files: of('file'),
    script: of('run')
      .map((block) => block.text)
      .join(''),
    prints: of('prints').flatMap((block) => block.text.trimEnd().split('\n')),
  }
}

/** A line as a guide shows it, where `…` stands for what is another each time. */
const shown = (line: string): RegExp => new RegExp(`^${line.split('…').map(RegExp.escape).join('.+')}$`)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keystead-guides-'))
  mkdirSync(join(folder, 'work'))
  symlinkSync(modules, join(folder, 'node_modules'))
  symlinkSync(inject('home'), join(folder, 'work', '.keystead'))
  for (const { name, text } of names.flatMap((page) => guideIn(page).files))
    writeFileSync(join(folder, 'work', name), text)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(!openssl)(`a guide ${openssl ? '' : '(not run: apt-get install openssl would)'}`, () => {
  test.each(names)('%s does what it says when followed to the letter', (page) => {
    const { script, prints } = guideIn(page)
    expect(script).toMatch(/^export AWS_ENDPOINT_URL_KMS=http:\/\/127\.0\.0\.1:4599$/m)
    expect(prints.length).toBeGreaterThan(0)
    const ran = spawnSync('bash', ['-e', '-o', 'pipefail'], {
      cwd: join(folder, 'work'),
      input: script.replace('http://127.0.0.1:4599', inject('url')),
      encoding: 'utf8',
      env: cleanEnv({
        AWS_CONFIG_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
        PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      }),
    })
    expect([ran.stderr, ran.status]).toEqual([expect.any(String), 0])
    const printed = ran.stdout.trimEnd().split('\n')
    expect(printed).toEqual(prints.map((line) => expect.stringMatching(shown(line))))
    const { secretAccessKey } = credentialsIn(inject('credentialsFile'))
    expect(`${ran.stdout}${ran.stderr}`).not.toMatch(/PRIVATE KEY/)
    expect(`${ran.stdout}${ran.stderr}`.includes(secretAccessKey)).toBe(false)
  })
})

test('the list of guides names each of them', () => {
  const list = readFileSync(join(pages, 'README.md'), 'utf8')
  expect(names.filter((name) => !list.includes(`](${name})`))).toEqual([])
})

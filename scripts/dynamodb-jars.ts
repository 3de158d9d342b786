/** DynamoDB Local, Amazon's own stand-in for DynamoDB, fetched from Maven's central repository into `.keystead`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runs } from './stand-in.ts'

const version = '3.3.1'
const root = fileURLToPath(new URL('..', import.meta.url))
const directory = join(root, '.keystead/dynamodb-local', version)
export const jars = join(directory, 'jars')
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

/** @returns what is missing */
export function fetchDynamoDb(): string | undefined {
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
export const startDynamoDb = (port: number): ChildProcess =>
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

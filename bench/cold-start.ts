/**
 * A Lambda's cold start, as near as one machine comes: a new process loads one bundle, opens store and HSM, and answers
 * one signed request. Milliseconds from the start of the process.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from '../infra/bundle.ts'
import { cleanEnv, credentialsIn } from '../test/harness/server.ts'
import { signedHeaders } from '../test/harness/sign.ts'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))

/** What Lambda's runtime does, shortest: import, call, print. */
const runner = `
let text = ''
for await (const chunk of process.stdin) text += chunk
const { file, event } = JSON.parse(text)
const { handler } = await import(file)
const loaded = performance.now()
const { statusCode, body } = await handler(event, {})
process.stdout.write(JSON.stringify({ loaded, answered: performance.now(), statusCode, body }))
process.exit(0)
`

interface Start {
  readonly loaded: number
  readonly answered: number
}

async function start(home: string, file: string): Promise<Start> {
  const headers = {
    host: 'localhost',
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'TrentService.GenerateRandom',
  }
  const body = '{"NumberOfBytes":32}'
  const signed = await signedHeaders(
    { method: 'POST', target: '/', headers, body },
    credentialsIn(join(home, 'credentials')),
  )
  const http = { method: 'POST', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'bench' }
  const requestContext = { domainName: 'localhost', http }
  const event = { rawPath: '/', rawQueryString: '', headers: signed, body, isBase64Encoded: false, requestContext }
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', runner], {
    input: JSON.stringify({ file, event }),
    encoding: 'utf8',
    env: cleanEnv({ KEYSTEAD_HOME: home }),
  })
  const answer = JSON.parse(ran.stdout || '{}') as Start & { statusCode?: number; body?: string }
  if (answer.statusCode !== 200) throw new Error(`${file} answered ${answer.statusCode} ${answer.body}\n${ran.stderr}`)
  return answer
}

const median = (values: readonly number[]): string =>
  (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN).toFixed(0)

/** @param home a state folder whose service is not running */
export async function coldStart(home: string): Promise<string> {
  const sizes = await bundle()
  const lines: string[] = []
  for (const name of ['generate-random', 'front-door']) {
    const starts: Start[] = []
    for (let round = 0; round < 7; round++) starts.push(await start(home, join(dist, `${name}.mjs`)))
    const answered = median(starts.map((each) => each.answered))
    const loaded = median(starts.map((each) => each.loaded))
    const { size } = statSync(join(dist, `${name}.mjs`))
    lines.push(
      `cold start of ${name} (${(size / 1000).toFixed(0)} kB): loaded after ${loaded} ms, first answer after ${answered} ms (median of 7)`,
    )
  }
  const bytes = sizes.map((each) => each.bytes).sort((a, b) => a - b)
  const kB = (value = 0): string => `${(value / 1000).toFixed(0)} kB`
  lines.push(
    `${bytes.length} bundles: median ${kB(bytes[Math.floor(bytes.length / 2)])}, largest ${kB(bytes.at(-1))} (${readdirSync(dist).length} files in dist/)`,
  )
  return lines.join('\n')
}

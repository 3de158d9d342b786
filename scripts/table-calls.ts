/**
 * What is asked of a DynamoDB-compatible server, seen from between: a proxy on loopback that passes everything on and
 * writes down calls and parameters. docs/portable.md lists them, and the tests hold the one against the other: what
 * the service does not ask for, a server need not have.
 */
import { readFileSync } from 'node:fs'
import { request as ask, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** The parameters of each call, and what its expressions are made of. */
export type Calls = ReadonlyMap<string, ReadonlySet<string>>

export interface Recorder {
  readonly endpoint: string
  readonly calls: Calls
  close(): Promise<void>
}

const expressions = new Set(['ConditionExpression', 'FilterExpression', 'KeyConditionExpression', 'UpdateExpression'])

/** Operators and functions of an expression: what is left of it without names and values. */
const wordsOf = (expression: string): readonly string[] =>
  expression.match(/\b(?:AND|OR|NOT|BETWEEN|IN)\b|[<>=]+|\b[a-z_]+(?=\s*\()/g) ?? []

function partsOf(body: Readonly<Record<string, unknown>>): readonly string[] {
  const words = Object.entries(body).flatMap(([name, value]) => (expressions.has(name) ? wordsOf(String(value)) : []))
  // An index can nowhere be read consistently.
  const impossible = body.ConsistentRead === true && body.IndexName !== undefined ? ['ConsistentRead of an index'] : []
  return [...Object.keys(body), ...words, ...impossible]
}

/**
 * @param passes says of each call, in its time, whether it reaches the server; one that does not is never answered
 * @throws Error when it cannot listen
 */
export async function recordCalls(
  target: string,
  passes: (call: string) => boolean | Promise<boolean> = () => true,
): Promise<Recorder> {
  const calls = new Map<string, Set<string>>()
  const { hostname, port } = new URL(target)
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    const call = String(request.headers['x-amz-target']).split('.')[1]
    if (call !== undefined) {
      if (!(await passes(call))) return
      const parts = calls.get(call) ?? new Set()
      for (const part of partsOf(JSON.parse(body.toString()))) parts.add(part)
      calls.set(call, parts)
    }
    const { method, url, headers } = request
    const passed = ask({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.once('error', () => response.destroy())
    passed.end(body)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The table of docs/portable.md: what may be asked of a server. */
export function documentedCalls(): Calls {
  const document = readFileSync(new URL('../docs/portable.md', import.meta.url), 'utf8')
  const rows = document.matchAll(/^\| `([A-Z]\w+)` \| (.+?) \|/gm)
  const names = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, name = '']) => name)
  return new Map(Array.from(rows, ([, call = '', cell = '']) => [call, new Set(names(cell))]))
}

/** @returns each call, or part of one, that the document does not list */
export const undocumented = (calls: Calls, documented: Calls = documentedCalls()): readonly string[] =>
  [...calls].flatMap(([call, parts]) => {
    const listed = documented.get(call)
    return listed ? [...parts].filter((part) => !listed.has(part)).map((part) => `${call}: ${part}`) : [call]
  })

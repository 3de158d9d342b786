/** Every example of the API's description, called as it says: by its route, and by `POST /`. */
import { describe, expect, inject, test } from 'vitest'
import { catalog, type Entry } from '../../infra/catalog.ts'
import { exampleOf } from '../../infra/examples.ts'
import { type Call, setScene, shapeOf } from '../harness/scenes.ts'
import { credentialsIn } from '../harness/server.ts'
import { signedHeaders } from '../harness/sign.ts'
import { callOf } from '../harness/targets.ts'
import { TestWorld } from '../harness/world.ts'

const url = new URL(inject('url'))
const credentials = credentialsIn(inject('credentialsFile'))

interface Sent {
  readonly service: string
  readonly method: string
  readonly target: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

async function answered({ service, method, target, body, headers: given }: Sent) {
  const unsigned = { method, target, headers: { host: url.host, ...given }, body }
  const headers = await signedHeaders(unsigned, credentials, { service })
  const response = await fetch(new URL(target, url), { method, headers, ...(body !== '' && { body }) })
  return { status: response.status, json: (await response.json()) as unknown }
}

const byTarget = (action: string, input: object): Sent => ({
  service: callOf(action).service,
  method: 'POST',
  target: '/',
  body: JSON.stringify(input),
  headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': callOf(action).target },
})

function byRoute({ method, path, operation }: Entry, input: Readonly<Record<string, unknown>>): Sent {
  const left = new Map(Object.entries(input))
  const target = path.replace(/\{(\w+)\}/g, (_, member: string) => {
    const value = String(left.get(member))
    left.delete(member)
    return encodeURIComponent(value)
  })
  const headers = { 'content-type': 'application/json' }
  const { service } = callOf(operation.name)
  if (method === 'POST' || method === 'PUT') {
    return { service, method, target, headers, body: left.size > 0 ? JSON.stringify(Object.fromEntries(left)) : '' }
  }
  const query = new URLSearchParams()
  for (const [name, value] of left) for (const each of [value].flat()) query.append(name, String(each))
  return { service, method, target: query.size > 0 ? `${target}?${query}` : target, headers, body: '' }
}

const call: Call = async (action, input) => {
  const { status, json } = await answered(byTarget(action, input))
  expect([action, status, json]).toEqual([action, 200, expect.anything()])
  return json
}

/** Their proxy is to be at port 443 of a host with a certificate; or another Region is to be there. */
const needsMore = ({ group, operation }: Entry): boolean => group === 'stores' || operation.needs.includes('peers')
const entries = catalog()

describe.each(entries.filter((entry) => !needsMore(entry)).map((entry) => [entry.operation.name, entry] as const))(
  'the example of %s',
  (name, entry) => {
    const { request, response } = exampleOf(entry)

    test.each([
      ['by its route', (input: Readonly<Record<string, unknown>>) => byRoute(entry, input)],
      ['by POST /', (input: Readonly<Record<string, unknown>>) => byTarget(name, input)],
    ] as const)('%s, answers what is shown', async (_, sent) => {
      const { status, json } = await answered(sent(await setScene(name, request, call)))
      expect([status, shapeOf(json)]).toEqual([200, shapeOf(response)])
    })
  },
)

describe('the example that needs an external key store or another Region, played in this process', () => {
  test.each(entries.filter(needsMore).map((entry) => [entry.operation.name, entry] as const))(
    '%s answers what is shown',
    async (name, entry) => {
      const world = await TestWorld.start()
      const { request, response } = exampleOf(entry)
      const staged = await setScene(name, request, async (action, input) => {
        const { status, json } = await world.call(action, input)
        expect([action, status, json]).toEqual([action, 200, expect.anything()])
        return json
      })
      const { status, json } = await world.call(name, staged)
      expect([status, shapeOf(json)]).toEqual([200, shapeOf(response)])
    },
  )
})

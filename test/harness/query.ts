/** IAM and STS as they are on the wire: a form there, XML back. */
import { iamApi } from '../../functions/identity/iam.ts'
import { stsApi } from '../../functions/identity/sts.ts'
import { type Credentials, signedHeaders } from './sign.ts'
import { root, type TestWorld } from './world.ts'

export const queryApis = [iamApi, stsApi]

function* fields(name: string, value: unknown): Generator<[string, string]> {
  const inner = Array.isArray(value)
    ? value.map((each, index) => [`member.${index + 1}`, each] as const)
    : typeof value === 'object' && value !== null && Object.entries(value)
  if (!inner) return yield [name, String(value)]
  for (const [member, each] of inner) yield* fields(name === '' ? member : `${name}.${member}`, each)
}

const formType = 'application/x-www-form-urlencoded; charset=utf-8'

/** The answer's text, and what kind of failure it tells of. */
export async function asForm(world: TestWorld, Action: string, input: object = {}, by: Credentials = root) {
  const { service } = queryApis.find(({ actions }) => actions.some(({ name }) => name === Action)) ?? iamApi
  const body = String(new URLSearchParams([...fields('', { Action, Version: service.version, ...input })]))
  const request = { method: 'POST', target: '/', headers: { host: 'localhost:4599', 'content-type': formType }, body }
  const at = { region: service.regionOf(world.open), service: service.name, date: new Date(world.nowMs) }
  const unsigned = Action === 'AssumeRoleWithWebIdentity'
  const headers = unsigned ? request.headers : await signedHeaders(request, by, at)
  const { status, body: text } = await world.answer({ ...request, headers })
  return { status, text, error: /<Code>(.*?)<\/Code>/.exec(text)?.[1] }
}

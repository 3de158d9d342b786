/** Requests that were nearly right: of every action, every route, every form, and what Regions say to each other. */
import { createHmac, hash } from 'node:crypto'
import { handler as frontDoor } from '../../functions/front-door.ts'
import { iamApi } from '../../functions/identity/iam.ts'
import { stsApi } from '../../functions/identity/sts.ts'
import { operations } from '../../functions/index.ts'
import { handler as peers } from '../../functions/peers.ts'
import { type Handler, serve } from '../../lib/http/serve.ts'
import { canonicalRequest } from '../../lib/identity/canonical-request.ts'
import type { AnyOperation } from '../../lib/operation.ts'
import type { AnyShape } from '../../lib/schema/shape.ts'
import type { QueryService } from '../../lib/services.ts'
import type { Stage } from '../harness/inputs.ts'
import { validInputs } from '../harness/inputs.ts'
import type { Credentials } from '../harness/sign.ts'
import { callOf } from '../harness/targets.ts'
import { account, base64, region } from '../harness/world.ts'
import { mutatedBytes, mutatedHeaders, mutatedText, mutatedValue, writtenJson } from './mutate.ts'
import type { Random } from './random.ts'

export interface Sent {
  readonly via: Handler
  readonly method: string
  readonly target: string
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array
  readonly pathParameters?: Record<string, string>
}

/** What there is to be asked about, and who asks. */
export interface Scene {
  readonly stage: Stage
  readonly callers: readonly Credentials[]
  /** Base64. */
  readonly attestation: string
  readonly nowMs: number
}

type Draft = Sent & { readonly service: string }

const all: readonly AnyOperation[] = operations
const host = 'localhost:4599'

/** The valid input of an operation, with more members than it needs. */
function inputOf(
  { name, input }: AnyOperation,
  { stage, attestation }: Scene,
  random: Random,
): Record<string, unknown> {
  const valid = { ...validInputs[name]?.(stage) }
  const members = Object.keys(input.members)
  const has = (member: string): boolean => members.includes(member) && !(member in valid)
  if (has('Recipient') && random.once(3)) {
    valid.Recipient = { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: attestation }
  }
  if (has('GrantTokens') && random.once(3)) valid.GrantTokens = [stage.grant.token]
  if (has('Marker') && random.once(3)) valid.Marker = base64('{"after":"x"}')
  if (has('DryRun') && random.once(4)) valid.DryRun = true
  return valid
}

function byTarget(scene: Scene, random: Random): Draft {
  const operation = random.pick(all)
  const { service, target } = callOf(operation.name)
  const text = writtenJson(mutatedValue(inputOf(operation, scene, random), random), random)
  const body = random.once(6) ? mutatedBytes(Buffer.from(text), random) : text
  const headers = { host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target }
  return { via: frontDoor, method: 'POST', target: '/', headers, body, service }
}

const routes = all.map((operation) => ({ operation, handler: serve(operation) }))

/** As a gateway matches them: what does not decode goes to the front door. */
function byRoute(scene: Scene, random: Random): Draft {
  const { operation, handler } = random.pick(routes)
  const [method = '', template = ''] = operation.route.split(' ')
  const given = mutatedValue(inputOf(operation, scene, random), random) as Record<string, unknown> | null
  const members = typeof given === 'object' && given !== null ? { ...given } : {}
  const pathParameters: Record<string, string> = {}
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = typeof members[name] === 'string' ? members[name] : String(scene.stage.keyId)
    delete members[name]
    const text = (random.once(4) ? mutatedText(value, random) : value).toWellFormed() || 'x'
    pathParameters[name] = text
    return encodeURIComponent(text)
  })
  const inQuery = method === 'GET' || random.once(10)
  const query = inQuery
    ? Object.entries(members)
        .map(
          ([name, value]) =>
            `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(String(value).toWellFormed())}`,
        )
        .join('&')
    : ''
  return {
    via: handler,
    method,
    target: query ? `${path}?${query}` : path,
    headers: { host, 'content-type': 'application/json' },
    body: inQuery ? '' : writtenJson(given, random),
    pathParameters,
    service: callOf(operation.name).service,
  }
}

const names = ['somebody', 'alice', 'team', 'nobody']
const policyText = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['kms:*'], Resource: '*', Condition: { StringLike: { 'aws:userid': '*' } } }],
})
const words = [
  ...names,
  policyText,
  '/',
  `arn:aws:iam::${account}:role/team`,
  '3600',
  'true',
  `arn:aws:iam::${account}:policy/team`,
]

/** A value of any shape as fields of a form. */
function fieldsOf(
  shape: AnyShape & { readonly members?: Record<string, AnyShape> },
  name: string,
  random: Random,
): [string, string][] {
  if (shape.members) {
    return Object.entries(shape.members).flatMap(([member, each]) =>
      random.once(3) && !each.required ? [] : fieldsOf(each, name ? `${name}.${member}` : member, random),
    )
  }
  if (shape.kind === 'list' && shape.item) {
    const { item } = shape
    return Array.from({ length: random.below(3) }, (_, n) => fieldsOf(item, `${name}.member.${n + 1}`, random)).flat()
  }
  return [[name, random.once(3) ? mutatedText(random.pick(words), random) : random.pick(words)]]
}

const forms: readonly { readonly service: QueryService; readonly action: AnyOperation }[] = [iamApi, stsApi].flatMap(
  ({ service, actions }) => (actions as readonly AnyOperation[]).map((action) => ({ service, action })),
)

function byForm(_: Scene, random: Random): Draft {
  const { service, action } = random.pick(forms)
  const fields = [['Action', action.name], ['Version', service.version], ...fieldsOf(action.input, '', random)]
  const text = fields.map((pair) => pair.map((part) => encodeURIComponent(part.toWellFormed())).join('=')).join('&')
  const body = random.once(5) ? mutatedBytes(Buffer.from(text), random) : text
  const headers = { host, 'content-type': 'application/x-www-form-urlencoded' }
  return { via: frontDoor, method: 'POST', target: '/', headers, body, service: service.name }
}

function byPeer({ stage }: Scene, random: Random): Draft {
  const letter = { kind: random.pick(['create', 'tell', 'leave', '']), key: { id: stage.shared.keyId }, materials: [] }
  const headers = { host, 'content-type': 'application/octet-stream' }
  return {
    via: peers,
    method: 'POST',
    target: '/peers',
    headers,
    body: writtenJson(mutatedValue(letter, random), random),
    service: 'keystead-peer',
  }
}

const signingKeys = new Map<string, Buffer>()
function signingKey(secret: string, scope: readonly string[]): Buffer {
  const name = `${secret} ${scope.join('/')}`
  const known = signingKeys.get(name)
  if (known) return known
  let key = Buffer.from(`AWS4${secret}`)
  for (const part of scope) key = createHmac('sha256', key).update(part).digest()
  signingKeys.set(name, key)
  return key
}

/** The draft, signed as a client would; what cannot be signed goes as it is. */
function signed({ service, ...draft }: Draft, by: Credentials, nowMs: number): Sent {
  const date = `${new Date(nowMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
  const scope = [date.slice(0, 8), service === 'iam' ? 'us-east-1' : region, service, 'aws4_request']
  const headers: Record<string, string> = {
    ...draft.headers,
    'x-amz-date': date,
    ...(by.sessionToken !== undefined && { 'x-amz-security-token': by.sessionToken }),
  }
  const names = Object.keys(headers).sort()
  const [path = '', query = ''] = draft.target.split('?')
  try {
    const canonical = canonicalRequest(
      { method: draft.method, path, query, headers },
      names,
      hash('sha256', draft.body, 'hex'),
    )
    const text = `AWS4-HMAC-SHA256\n${date}\n${scope.join('/')}\n${hash('sha256', canonical, 'hex')}`
    const signature = createHmac('sha256', signingKey(by.secretAccessKey, scope)).update(text).digest('hex')
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${by.accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  } catch {}
  return { ...draft, headers }
}

const doors = [byTarget, byTarget, byTarget, byRoute, byRoute, byForm, byForm, byPeer]

/** The next request. Most are signed well, so that what is wrong with them is found where it is. */
export function nextRequest(scene: Scene, random: Random): Sent {
  const by = random.pick(scene.callers)
  const caller =
    by.sessionToken !== undefined && random.once(4)
      ? {
          ...by,
          sessionToken: mutatedText(by.sessionToken, random)
            .toWellFormed()
            .replace(/[^\x21-\x7e]/g, 'x'),
        }
      : by
  const sent = signed(random.pick(doors)(scene, random), caller, scene.nowMs)
  if (random.once(12)) return { ...sent, headers: mutatedHeaders(sent.headers, random) }
  if (random.once(40)) return { ...sent, method: random.pick(['GET', 'PUT', 'DELETE', 'HEAD', 'post', '']) }
  if (random.once(40)) return { ...sent, target: mutatedText(sent.target, random).toWellFormed() }
  return sent
}

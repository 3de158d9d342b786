/** RESTful routes behind API Gateway's IAM authorizer: events in the shape that an HTTP API records (payload 2.0). */
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { beforeEach, describe, expect, test } from 'vitest'
import { handler as encrypt } from '../../functions/cryptography/encrypt.ts'
import { handler as frontDoor } from '../../functions/front-door.ts'
import { handler as createGrant } from '../../functions/grants/create-grant.ts'
import { handler as createKey } from '../../functions/keys/create-key.ts'
import { handler as describeKey } from '../../functions/keys/describe-key.ts'
import type { Handler } from '../../lib/http/serve.ts'
import { directoryOf } from '../../lib/identity/principals.ts'
import { addUser, policyText } from '../harness/identities.ts'
import { account, base64, eventOf, TestWorld } from '../harness/world.ts'

let world: TestWorld
let keyId: string
/** As a deployment that is configured so. */
const behindGateway = () =>
  Object.assign(world.open, { auth: 'aws-iam', directory: directoryOf(world.open.principals, true) })

beforeEach(async () => {
  world = await TestWorld.start()
  behindGateway()
  keyId = (await world.key()).KeyId
})

const userId = 'AIDACKCEVSQ6C2EXAMPLE'
const roleId = 'AROACKCEVSQ6C2EXAMPLE'
const by = {
  alice: { userArn: `arn:aws:iam::${account}:user/ops/alice`, userId },
  session: { userArn: `arn:aws:sts::${account}:assumed-role/deploy/build-7`, userId: `${roleId}:build-7` },
  guest: { userArn: `arn:aws:sts::${account}:federated-user/guest`, userId: `${account}:guest` },
  root: { userArn: `arn:aws:iam::${account}:root`, userId: account },
} as const

/** As recorded from an HTTP API with an IAM authorizer. */
const iamOf = (who: { readonly userArn: string; readonly userId: string }) => ({
  accessKey: 'ASIAIOSFODNN7EXAMPLE',
  accountId: account,
  callerId: who.userId,
  cognitoIdentity: null,
  principalOrgId: 'aws:PrincipalOrgID',
  ...who,
})

async function ask(
  via: Handler,
  route: string,
  iam: unknown,
  input: object = {},
  pathParameters?: Record<string, string>,
) {
  const [method = '', target = ''] = route.split(' ')
  const headers = {
    host: 'api.example',
    'content-type': 'application/json',
    authorization: 'AWS4-HMAC-SHA256 checked by the gateway',
  }
  const event = eventOf(
    { method, target, headers, body: method === 'GET' ? '' : JSON.stringify(input) },
    pathParameters,
  )
  const requestContext = { ...event.requestContext, ...(iam !== undefined && { authorizer: { iam } }) }
  const { statusCode, body = 'null' } = await via({ ...event, requestContext }, {} as Context)
  return { status: statusCode, json: JSON.parse(body) }
}
const encrypting = (iam: unknown) =>
  ask(encrypt, `POST /keys/${keyId}/encrypt`, iam, { Plaintext: base64('secret') }, { KeyId: keyId })

const allow = (principal: string, sid = 'aws') => ({
  Sid: sid,
  Effect: 'Allow',
  Principal: { AWS: principal },
  Action: 'kms:*',
  Resource: '*',
})
const letIn = async (...principals: string[]) => {
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [allow(`arn:aws:iam::${account}:root`, 'root'), ...principals.map((each, at) => allow(each, `p${at}`))],
  })
  const { status, json } = await world.call('PutKeyPolicy', { KeyId: keyId, Policy })
  expect([status, json.message]).toEqual([200, undefined])
}
const noIdentityPolicy = (arn: string) =>
  `User: ${arn} is not authorized to perform: kms:Encrypt on resource: arn:aws:kms:us-east-1:${account}:key/${keyId} because no identity-based policy allows the kms:Encrypt action`

describe('behind the gateway’s authorizer', () => {
  test.each([
    ['a user by ARN', 'alice', by.alice.userArn, 'IAMUser'],
    ['a user by unique id', 'alice', userId, 'IAMUser'],
    ['a role by ARN', 'session', `arn:aws:iam::${account}:role/deploy`, 'AssumedRole'],
    ['a role by unique id', 'session', roleId, 'AssumedRole'],
    ['a session', 'session', by.session.userArn, 'AssumedRole'],
    ['a federated user', 'guest', by.guest.userArn, 'FederatedUser'],
  ] as const)('%s is let in by a key policy that names it, and by nothing else', async (_, who, principal, type) => {
    const before = await encrypting(iamOf(by[who]))
    expect([before.status, before.json.__type, before.json.message]).toEqual([
      400,
      'AccessDeniedException',
      noIdentityPolicy(by[who].userArn),
    ])
    await letIn(principal)
    const after = await encrypting(iamOf(by[who]))
    expect([after.status, typeof after.json.CiphertextBlob]).toEqual([200, 'string'])
    expect(world.records.at(-1)?.userIdentity).toMatchObject({
      type,
      arn: by[who].userArn,
      principalId: by[who].userId,
      accountId: account,
      accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
    })
  })

  test('the root user of the account is the root user here', async () => {
    expect((await encrypting(iamOf(by.root))).status).toBe(200)
    expect((await ask(createKey, 'POST /keys', iamOf(by.root))).status).toBe(200)
  })

  test('what no key policy speaks of, AWS’s users and roles may not do', async () => {
    const { json } = await ask(createKey, 'POST /keys', iamOf(by.alice))
    expect([json.__type, json.message]).toEqual([
      'AccessDeniedException',
      `User: ${by.alice.userArn} is not authorized to perform: kms:CreateKey on resource: * because no identity-based policy allows the kms:CreateKey action`,
    ])
  })

  test('a grant lets in whom it names by unique id', async () => {
    const input = { KeyId: keyId, GranteePrincipal: userId, Operations: ['Encrypt'] }
    const { status } = await ask(createGrant, `POST /keys/${keyId}/grants`, iamOf(by.root), input, { KeyId: keyId })
    expect(status).toBe(200)
    expect((await encrypting(iamOf(by.alice))).status).toBe(200)
    expect((await encrypting(iamOf(by.session))).json.__type).toBe('AccessDeniedException')
  })

  test('an explicit deny of the key policy holds', async () => {
    await letIn(userId)
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        allow(`arn:aws:iam::${account}:root`),
        allow(userId, 'a'),
        { ...allow('*', 'd'), Effect: 'Deny', Action: 'kms:Encrypt' },
      ],
    })
    await world.call('PutKeyPolicy', { KeyId: keyId, Policy })
    expect((await encrypting(iamOf(by.alice))).json.message).toContain(
      'with an explicit deny in a resource-based policy',
    )
  })

  test('a user of Keystead’s by the same ARN is another, where the policy was saved while it was there', async () => {
    const { user } = await addUser(world, 'bob')
    await letIn(user.arn)
    const { json } = await encrypting(iamOf({ userArn: user.arn, userId }))
    expect(json.__type).toBe('AccessDeniedException')
  })

  test.each([
    ['nothing', undefined, 'MissingAuthenticationTokenException'],
    ['null', null, 'MissingAuthenticationTokenException'],
    ['a text', 'arn:aws:iam::000000000000:root', 'UnrecognizedClientException'],
    ['no members', {}, 'UnrecognizedClientException'],
    ['another account than the ARN’s', { ...iamOf(by.root), accountId: '111122223333' }, 'UnrecognizedClientException'],
    [
      'another partition',
      { ...iamOf(by.alice), userArn: by.alice.userArn.replace('aws', 'aws-cn') },
      'UnrecognizedClientException',
    ],
    ['a root ARN with a user’s id', { ...iamOf(by.root), userId }, 'UnrecognizedClientException'],
    ['a user’s ARN with a role’s id', { ...iamOf(by.alice), userId: by.session.userId }, 'UnrecognizedClientException'],
    ['another session’s id', { ...iamOf(by.session), userId: `${roleId}:other` }, 'UnrecognizedClientException'],
    ['a Cognito identity', { ...iamOf(by.alice), userArn: null, userId: null }, 'UnrecognizedClientException'],
    ['a service', { ...iamOf(by.alice), userArn: `arn:aws:s3::${account}:user/alice` }, 'UnrecognizedClientException'],
  ])('an event that says %s is refused', async (_, iam, type) => {
    const { status, json } = await ask(describeKey, `GET /keys/${keyId}`, iam, {}, { KeyId: keyId })
    expect([status, json.__type]).toEqual([400, type])
  })

  test('the front door believes no authorizer: there everyone signs', async () => {
    const headers = {
      host: 'api.example',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'TrentService.ListKeys',
    }
    const event = eventOf({ method: 'POST', target: '/', headers, body: '{}' })
    const requestContext = { ...event.requestContext, authorizer: { iam: iamOf(by.root) } }
    const { body = '' } = await frontDoor({ ...event, requestContext } as APIGatewayProxyEventV2, {} as Context)
    expect(JSON.parse(body).__type).toBe('MissingAuthenticationTokenException')
    const { credentials } = await addUser(world, 'carol', { inline: { a: policyText('kms:ListKeys') } })
    expect((await world.call('ListKeys', {}, credentials)).status).toBe(200)
  })
})

describe('where no authorizer is configured', () => {
  beforeEach(() => Object.assign(world.open, { auth: 'sigv4', directory: directoryOf(world.open.principals) }))

  test.each(Object.entries(by))(
    'an event that says it is from one, for %s, is refused like any that is not signed',
    async (_, who) => {
      const before = world.records.length
      for (const [via, route] of [
        [encrypt, `POST /keys/${keyId}/encrypt`],
        [createKey, 'POST /keys'],
        [describeKey, `GET /keys/${keyId}`],
      ] as const) {
        const { status, json } = await ask(via, route, iamOf(who), { Plaintext: base64('secret') }, { KeyId: keyId })
        expect([status, json.__type]).toEqual([400, 'IncompleteSignatureException'])
      }
      expect(world.records.slice(before).map(({ userIdentity }) => userIdentity.type)).toEqual([
        'Unknown',
        'Unknown',
        'Unknown',
      ])
    },
  )
  test('a key policy cannot name whom nobody knows', async () => {
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [allow(`arn:aws:iam::${account}:root`), allow(by.alice.userArn, 'a')],
    })
    expect((await world.call('PutKeyPolicy', { KeyId: keyId, Policy })).json.__type).toBe(
      'MalformedPolicyDocumentException',
    )
  })
})

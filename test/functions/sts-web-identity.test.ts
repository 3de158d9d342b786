/** AssumeRoleWithWebIdentity, against a real OIDC provider on loopback. */
import {
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleWithWebIdentityCommandInput,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { iamArn, type Role } from '../../lib/identity/entities.ts'
import { openIssuers } from '../../lib/oidc/issuers.ts'
import { aProvider, aRole, policyText } from '../harness/identities.ts'
import { TestIssuer } from '../harness/oidc.ts'
import { clientOf } from '../harness/sdk.ts'
import { account, TestWorld } from '../harness/world.ts'

let world: TestWorld
let issuer: TestIssuer
let role: Role
const place = { partition: 'aws', account }
const providerArn = () => iamArn(place, 'oidc-provider', `/${issuer.url}`)

beforeEach(async () => {
  world = await TestWorld.start()
  issuer = await TestIssuer.start()
  await world.open.principals.oidcProviders.create(
    aProvider(issuer.url, { account, arn: providerArn(), clientIds: ['app', 'other-app'] }),
  )
  role = await addRole('ci', {
    StringEquals: { [`${issuer.url}:aud`]: 'app' },
    StringLike: { [`${issuer.url}:sub`]: 'repo:acme/*' },
  })
})
afterEach(() => issuer.stop())

async function addRole(
  name: string,
  Condition: object,
  actions: string | string[] = 'sts:AssumeRoleWithWebIdentity',
  Principal: unknown = { Federated: providerArn() },
) {
  const statement = { Effect: 'Allow', Principal, Action: actions, Condition }
  const made = aRole(name, {
    account,
    arn: iamArn(place, 'role', `/${name}`),
    trustPolicy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
    inline: { all: policyText('kms:*') },
  })
  await world.open.principals.roles.create(made)
  return made
}

const seconds = () => Math.floor(world.nowMs / 1000)
const sub = 'repo:acme/app:ref:refs/heads/main'
const tokenOf = (claims: JWTPayload = {}, header: object = {}) => issuer.token({ sub, ...claims }, seconds(), header)
const assume = (WebIdentityToken: string, more: Partial<AssumeRoleWithWebIdentityCommandInput> = {}) =>
  new STSClient(clientOf(world)).send(
    new AssumeRoleWithWebIdentityCommand({ RoleArn: role.arn, RoleSessionName: 'build-7', WebIdentityToken, ...more }),
  )
const invalid = (message: string | RegExp) => ({
  name: 'InvalidIdentityTokenException',
  message: expect.stringMatching(message),
  $metadata: { httpStatusCode: 400 },
})
const notAllowed = {
  name: 'AccessDenied',
  message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
  $metadata: { httpStatusCode: 403 },
}

describe('AssumeRoleWithWebIdentity', () => {
  test('takes a token of a registered provider, unsigned, and gives the role’s credentials', async () => {
    const answer = await assume(await tokenOf())
    expect(answer).toMatchObject({
      SubjectFromWebIdentityToken: sub,
      Audience: 'app',
      Provider: providerArn(),
      AssumedRoleUser: { Arn: `arn:aws:sts::${account}:assumed-role/ci/build-7`, AssumedRoleId: `${role.id}:build-7` },
    })
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = answer.Credentials ?? {}
    const session = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
    const who = await new STSClient(clientOf(world, session)).send(new GetCallerIdentityCommand({}))
    expect(who.Arn).toBe(answer.AssumedRoleUser?.Arn)
    expect((await world.call('CreateKey', {}, session)).status).toBe(200)
    const [asked] = world.records
    expect(asked).toMatchObject({
      eventName: 'AssumeRoleWithWebIdentity',
      userIdentity: {
        type: 'WebIdentityUser',
        principalId: `${providerArn()}:app:${sub}`,
        userName: sub,
        identityProvider: providerArn(),
      },
      requestParameters: { roleArn: role.arn, roleSessionName: 'build-7' },
      responseElements: { subjectFromWebIdentityToken: sub },
    })
    expect(JSON.stringify(world.records)).not.toContain(SecretAccessKey)
    expect(world.records.at(-1)?.userIdentity).toMatchObject({
      sessionContext: { webIdFederationData: { federatedProvider: providerArn() } },
    })
  })

  test.each(['RS256', 'RS512', 'ES256', 'ES384'])('takes a signature by %s', async (algorithm) => {
    await issuer.rotate('another', algorithm)
    expect((await assume(await tokenOf())).Audience).toBe('app')
  })

  test('refuses signatures that are none, symmetric, by another key, or by an algorithm AWS does not take', async () => {
    const claims = { iss: issuer.issuer, aud: 'app', sub, iat: seconds(), exp: seconds() + 300 }
    const unsigned = new UnsecuredJWT(claims).encode()
    await expect(assume(unsigned)).rejects.toMatchObject(invalid('is not a valid JWT'))
    const [published] = issuer.published as [{ n: string }]
    const symmetric = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: 'key-1' })
      .sign(Buffer.from(published.n))
    await expect(assume(symmetric)).rejects.toMatchObject(invalid('is not a valid JWT'))
    const theirs = await generateKeyPair('RS256')
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'key-1' }).sign(theirs.privateKey)
    await expect(assume(forged)).rejects.toMatchObject(invalid('is not a valid JWT'))
    const embedded = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'key-1', jwk: await exportJWK(theirs.publicKey) })
      .sign(theirs.privateKey)
    await expect(assume(embedded)).rejects.toMatchObject(invalid('is not a valid JWT'))
    await issuer.rotate('pss', 'PS256')
    await expect(assume(await tokenOf())).rejects.toMatchObject(invalid('is not a valid JWT'))
    for (const text of ['none', 'a.b.c', '....', 'e30.e30.e30', '\ufffd'.repeat(9)])
      await expect(assume(text)).rejects.toMatchObject(invalid('is not a valid JWT'))
  })

  test('says when a token has expired, is not valid yet, or lacks a claim', async () => {
    await expect(assume(await tokenOf({ iat: seconds() - 400, exp: seconds() - 100 }))).rejects.toMatchObject({
      name: 'ExpiredTokenException',
      message: `Token expired: current date/time ${seconds()} must be before the expiration date/time ${seconds() - 100}`,
      $metadata: { httpStatusCode: 400 },
    })
    await expect(assume(await tokenOf({ nbf: seconds() + 100 }))).rejects.toMatchObject(
      invalid('The claim nbf of the token does not hold'),
    )
    for (const claim of ['exp', 'iat', 'sub', 'aud'])
      await expect(assume(await tokenOf({ [claim]: undefined }))).rejects.toMatchObject(
        invalid(`Missing a required claim: ${claim}`),
      )
    await expect(assume(await tokenOf({ sub: ['x'] as unknown as string }))).rejects.toMatchObject(
      invalid('is not a valid JWT'),
    )
  })

  test('takes an audience that the provider is registered with, and the authorized party before it', async () => {
    await expect(assume(await tokenOf({ aud: 'stranger' }))).rejects.toMatchObject(
      invalid('^Incorrect token audience$'),
    )
    await expect(assume(await tokenOf({ azp: 'stranger' }))).rejects.toMatchObject(
      invalid('^Incorrect token audience$'),
    )
    expect((await assume(await tokenOf({ aud: ['x', 'app'] }))).Audience).toBe('app')
    expect((await assume(await tokenOf({ aud: 'account', azp: 'app' }))).Audience).toBe('app')
    await expect(assume(await tokenOf({ aud: 'other-app' }))).rejects.toMatchObject(notAllowed)
  })

  test('holds the trust policy’s conditions on the subject', async () => {
    await expect(assume(await tokenOf({ sub: 'repo:evil/app' }))).rejects.toMatchObject(notAllowed)
  })

  test('lets nobody into a role that does not name the provider', async () => {
    const everyone = await addRole('everyone', {}, 'sts:*', { AWS: '*' })
    const accountwide = await addRole('accountwide', {}, 'sts:*', { AWS: account })
    for (const { arn } of [everyone, accountwide, { arn: iamArn(place, 'role', '/none') }])
      await expect(assume(await tokenOf(), { RoleArn: arn })).rejects.toMatchObject(notAllowed)
    expect(world.records.at(-1)).toMatchObject({ errorCode: 'AccessDenied', userIdentity: { type: 'WebIdentityUser' } })
  })

  test('knows only the providers of the role’s account, and only by their own URL', async () => {
    const none = 'No OpenIDConnect provider found in your account for'
    await expect(assume(await tokenOf({ iss: 'https://accounts.example' }))).rejects.toMatchObject(
      invalid(`^${none} https://accounts.example$`),
    )
    await expect(assume(await tokenOf({ iss: `ftp://${issuer.url}` }))).rejects.toMatchObject(invalid(none))
    await expect(assume(await tokenOf({ iss: `${issuer.issuer}/` }))).rejects.toMatchObject(invalid(none))
    await expect(assume(await tokenOf(), { RoleArn: `arn:aws:iam::111122223333:role/ci` })).rejects.toMatchObject(
      invalid(none),
    )
    expect(issuer.asked).toEqual([])
  })

  test('takes the session’s tags and source identity from the token, where the trust policy lets it', async () => {
    const tags = { principal_tags: { team: ['red'] }, transitive_tag_keys: ['team'] }
    const claims = { 'https://aws.amazon.com/tags': tags, 'https://aws.amazon.com/source_identity': 'alice' }
    await expect(assume(await tokenOf(claims))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: 'Not authorized to perform sts:TagSession',
    })
    const actions = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity']
    role = await addRole('tagged', { StringEquals: { 'aws:RequestTag/team': 'red' } }, actions)
    const answer = await assume(await tokenOf(claims))
    expect([answer.SourceIdentity, (answer.PackedPolicySize ?? 0) > 0]).toEqual(['alice', true])
    await expect(
      assume(await tokenOf({ ...claims, 'https://aws.amazon.com/tags': { principal_tags: { team: ['blue'] } } })),
    ).rejects.toMatchObject({ name: 'AccessDenied' })
    for (const bad of [
      { 'https://aws.amazon.com/source_identity': 7 },
      { 'https://aws.amazon.com/tags': { principal_tags: { 'a*': ['b'] } } },
    ])
      await expect(assume(await tokenOf(bad))).rejects.toMatchObject(invalid('A claim about the session'))
  })
})

describe('the keys of a provider', () => {
  test('are fetched once, and anew when a token names one that is not known', async () => {
    await assume(await tokenOf())
    await assume(await tokenOf())
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys'])
    await issuer.rotate('key-2')
    world.nowMs += 11_000
    await assume(await tokenOf())
    expect(issuer.asked).toHaveLength(4)
  })
  test('are not fetched for each token that names an unknown one', async () => {
    await assume(await tokenOf())
    for (let n = 0; n < 5; n++)
      await expect(assume(await tokenOf({}, { kid: `made-up-${n}` }))).rejects.toMatchObject(
        invalid("Couldn't retrieve verification key"),
      )
    expect(issuer.asked).toHaveLength(2)
    world.nowMs += 11_000
    for (let n = 0; n < 5; n++)
      await expect(assume(await tokenOf({}, { kid: `made-up-${n}` }))).rejects.toMatchObject(invalid(''))
    expect(issuer.asked).toHaveLength(4)
  })
  test('that a provider has withdrawn are not trusted for long', async () => {
    const token = await issuer.token({ sub, exp: seconds() + 3600 }, seconds())
    await assume(token)
    await issuer.rotate('key-2')
    world.nowMs += 601_000
    await expect(assume(token)).rejects.toMatchObject(invalid("Couldn't retrieve verification key"))
  })
  test('that cannot be had are said to be that, and the provider is left alone for a while', async () => {
    issuer.failing = true
    for (let n = 0; n < 3; n++)
      await expect(assume(await tokenOf())).rejects.toMatchObject({
        name: 'IDPCommunicationErrorException',
        message: 'Could not communicate with the identity provider.',
        $metadata: { httpStatusCode: 400 },
      })
    expect(issuer.asked).toHaveLength(1)
    issuer.failing = false
    world.nowMs += 11_000
    expect((await assume(await tokenOf())).Audience).toBe('app')
  })
  test.each([
    ['another issuer', { issuer: 'https://other.example' }],
    ['keys over http elsewhere', { jwks_uri: 'http://192.0.2.1/keys' }],
    ['keys from a file', { jwks_uri: 'file:///etc/passwd' }],
    ['keys that are none', { jwks_uri: 7 }],
  ])('are not taken from a description with %s', async (_, description) => {
    issuer.description = description
    await expect(assume(await tokenOf())).rejects.toMatchObject({ name: 'IDPCommunicationErrorException' })
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration'])
  })
  test('are fetched over https alone unless http is configured, and then on this machine alone', () => {
    const usual = openIssuers({ now: Date.now, httpOnLoopback: false })
    expect([usual.urlOf(issuer.issuer), usual.urlOf('https://a.example/x')]).toEqual([undefined, 'a.example/x'])
    const lenient = openIssuers({ now: Date.now, httpOnLoopback: true })
    expect([lenient.urlOf(issuer.issuer), lenient.urlOf('http://a.example')]).toEqual([issuer.url, undefined])
    for (const url of [
      'http://127.0.0.1.evil.example',
      'http://localhost.evil.example',
      'http://127.0.0.1@evil.example',
    ])
      expect(lenient.urlOf(url)).toBeUndefined()
  })
})

/** Calling too often: AWS's quotas, where they are switched on. */
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { beforeEach, expect, test } from 'vitest'
import { TokenBuckets } from '../../lib/rates/rates.ts'
import { asIam } from '../harness/iam.ts'
import { addUser } from '../harness/identities.ts'
import { clientOf } from '../harness/sdk.ts'
import { type Answer, base64, root, TestWorld } from '../harness/world.ts'

const tooMany = {
  status: 400,
  json: {
    __type: 'ThrottlingException',
    message: 'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
  },
}

let world: TestWorld
let KeyId: string
const limit = (factor = 1, principalShare = 1) => {
  world.rates = new TokenBuckets({ factor, principalShare, now: () => world.nowMs })
}
beforeEach(async () => {
  world = await TestWorld.start()
  KeyId = (await world.key()).KeyId
})

const statuses = async (times: number, call: () => Promise<Answer>): Promise<readonly number[]> => {
  const answers: number[] = []
  for (let n = 0; n < times; n++) answers.push((await call()).status)
  return answers
}

test('nobody is limited unless told', async () => {
  expect(new Set(await statuses(40, () => world.call('UpdateKeyDescription', { KeyId, Description: 'x' })))).toEqual(
    new Set([200]),
  )
})

test('refuses what is too much, puts it on record, changes nothing, and serves again a moment later', async () => {
  limit()
  const describe = (Description: string) => world.call('UpdateKeyDescription', { KeyId, Description })
  expect(await statuses(5, () => describe('before'))).toEqual([200, 200, 200, 200, 200])
  const intents = world.intents.length
  expect(await describe('too often')).toMatchObject(tooMany)
  expect(world.records.at(-1)).toMatchObject({
    eventName: 'UpdateKeyDescription',
    errorCode: 'ThrottlingException',
    errorMessage: tooMany.json.message,
    userIdentity: { type: 'Root' },
  })
  expect(world.intents).toHaveLength(intents)
  expect((await world.call('DescribeKey', { KeyId })).json.KeyMetadata.Description).toBe('before')
  world.nowMs += 200
  expect((await describe('after')).status).toBe(200)
})

test('counts requests that are refused for another reason, and none that is not signed by the caller', async () => {
  limit()
  const invalid = () => world.call('CreateAlias', { AliasName: '' })
  const wrong = { ...root, secretAccessKey: 'of somebody who wants to use up what others may do' }
  const forged = await world.call('CreateAlias', {}, wrong)
  expect(forged.json.__type).toBe('InvalidSignatureException')
  for (let n = 0; n < 5; n++) expect((await invalid()).json.__type).toBe('ValidationException')
  expect(await invalid()).toMatchObject(tooMany)
})

test('cryptography shares a rate by the kind of its key', async () => {
  limit(0.001)
  const signer = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }
  const signing = (await world.key(signer)).KeyId
  world.nowMs += 60_000
  const sign = () => world.call('Sign', { KeyId: signing, Message: base64('x'), SigningAlgorithm: 'ECDSA_SHA_256' })
  expect((await sign()).status).toBe(200)
  expect(await sign()).toMatchObject(tooMany)
  const encrypt = () => world.call('Encrypt', { KeyId, Plaintext: base64('x') })
  expect(new Set(await statuses(100, encrypt))).toEqual(new Set([200]))
  expect(await encrypt()).toMatchObject(tooMany)
  expect(await world.call('GenerateRandom', { NumberOfBytes: 1 })).toMatchObject(tooMany)
  world.nowMs += 1000
  expect((await sign()).status).toBe(200)
})

test('key pairs have a rate for each spec', async () => {
  limit()
  const pair = (KeyPairSpec: string) => world.call('GenerateDataKeyPairWithoutPlaintext', { KeyId, KeyPairSpec })
  expect(await statuses(100, () => pair('ECC_NIST_P256'))).not.toContain(400)
  expect(await pair('ECC_NIST_P384')).toMatchObject(tooMany)
})

test('one user cannot use up what its account may do', async () => {
  const { credentials: alice } = await addUser(world, 'alice')
  limit(1, 0.4)
  const list = (by: typeof root) => world.call('CreateKey', {}, by)
  const byAlice = []
  for (let n = 0; n < 4; n++) byAlice.push((await list(alice)).json.__type)
  expect(byAlice).toEqual([
    'AccessDeniedException',
    'AccessDeniedException',
    'ThrottlingException',
    'ThrottlingException',
  ])
  expect(await statuses(3, () => list(root))).toEqual([200, 200, 400])
})

test("AWS's SDK knows the refusal, and tries again until it is served", async () => {
  limit(0.0005)
  const client = (maxAttempts: number) => new KMSClient({ ...clientOf(world), maxAttempts })
  const describeKey = new DescribeKeyCommand({ KeyId })
  await client(1).send(describeKey)
  await expect(client(1).send(describeKey)).rejects.toMatchObject({
    name: 'ThrottlingException',
    message: tooMany.json.message,
  })
  const served = client(5).send(describeKey)
  setTimeout(() => {
    world.nowMs += 1000
  }, 20)
  const { $metadata } = await served
  expect($metadata.attempts).toBeGreaterThan(1)
}, 20_000)

test('IAM and CloudTrail have rates of their own, and say it in their words', async () => {
  limit(0.01)
  expect(await asIam(world, 'ListUsers')).not.toHaveProperty('error')
  const refused = { error: 'Throttling', status: 400, message: 'Rate exceeded' }
  expect(await asIam(world, 'ListRoles')).toMatchObject(refused)
  await world.call('LookupEvents', {})
  expect(await world.call('LookupEvents', {})).toMatchObject({
    status: 400,
    json: { __type: 'ThrottlingException', message: 'Rate exceeded' },
  })
})

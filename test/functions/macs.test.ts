import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const Message = base64('attack at dawn')
const hmacKey = (KeySpec: string) => world.key({ KeySpec, KeyUsage: 'GENERATE_VERIFY_MAC' })
const invalidMac = { __type: 'KMSInvalidMacException' }
const bytesOf = (text: string) => Buffer.from(text, 'base64')

describe.each([
  ['HMAC_224', 'HMAC_SHA_224', 'sha224', 28],
  ['HMAC_256', 'HMAC_SHA_256', 'sha256', 32],
  ['HMAC_384', 'HMAC_SHA_384', 'sha384', 48],
  ['HMAC_512', 'HMAC_SHA_512', 'sha512', 64],
] as const)('%s', (spec, MacAlgorithm, hash, length) => {
  test('makes the HMAC of a message, the same each time, and verifies it', async () => {
    const { KeyId, Arn } = await hmacKey(spec)
    const { json } = await world.call('GenerateMac', { KeyId, Message, MacAlgorithm })
    expect(json).toEqual({ KeyId: Arn, Mac: expect.any(String), MacAlgorithm })
    expect(bytesOf(json.Mac)).toHaveLength(length)
    expect((await world.call('GenerateMac', { KeyId, Message, MacAlgorithm })).json).toEqual(json)
    const key = await world.store.keys.find(KeyId)
    const material = await world.store.materials.find(KeyId, key?.currentMaterialId ?? '')
    const secret = material?.wrapped.blob ?? new Uint8Array()
    expect(secret).toHaveLength(length)
    expect(json.Mac).toBe(createHmac(hash, secret).update('attack at dawn').digest('base64'))
    const verified = await world.call('VerifyMac', { KeyId, Message, MacAlgorithm, Mac: json.Mac })
    expect(verified.json).toEqual({ KeyId: Arn, MacValid: true, MacAlgorithm })
  })

  test('answers any wrong MAC, of any length, with an error that says no more', async () => {
    const { KeyId } = await hmacKey(spec)
    const { json } = await world.call('GenerateMac', { KeyId, Message, MacAlgorithm })
    const good = bytesOf(json.Mac)
    const flipped = Buffer.from(good)
    flipped[length - 1] = (flipped[length - 1] ?? 0) ^ 1
    for (const bytes of [flipped, good.subarray(1), Buffer.concat([good, Buffer.of(0)]), Buffer.alloc(6144)]) {
      const { json: answer } = await world.call('VerifyMac', { KeyId, Message, MacAlgorithm, Mac: base64(bytes) })
      expect(answer).toEqual(invalidMac)
    }
    const request = { KeyId, Message: base64('other'), MacAlgorithm, Mac: json.Mac }
    expect((await world.call('VerifyMac', request)).json).toEqual(invalidMac)
    expect((await world.call('VerifyMac', { ...request, DryRun: true })).json).toEqual(invalidMac)
  })

  test('refuses the algorithm of another spec', async () => {
    const { KeyId } = await hmacKey(spec)
    const other = MacAlgorithm === 'HMAC_SHA_256' ? 'HMAC_SHA_384' : 'HMAC_SHA_256'
    for (const [action, more] of [
      ['GenerateMac', {}],
      ['VerifyMac', { Mac: base64('x') }],
    ] as const) {
      expect((await world.call(action, { KeyId, Message, MacAlgorithm: other, ...more })).json).toEqual({
        __type: 'InvalidKeyUsageException',
        message: `Algorithm ${other} is incompatible with key spec ${spec}.`,
      })
    }
  })
})

test('refuses a key of another usage before its state, and names the operation', async () => {
  const { KeyId, Arn } = await world.key()
  await world.call('DisableKey', { KeyId })
  const { json } = await world.call('VerifyMac', { KeyId, Message, MacAlgorithm: 'HMAC_SHA_256', Mac: base64('x') })
  expect(json).toEqual({
    __type: 'InvalidKeyUsageException',
    message: `${Arn} key usage is ENCRYPT_DECRYPT which is not valid for VerifyMac.`,
  })
})

test('names the algorithms in order', async () => {
  const { KeyId } = await hmacKey('HMAC_256')
  const { json } = await world.call('GenerateMac', { KeyId, Message, MacAlgorithm: 'HMAC_SHA_1' })
  expect(json.message).toBe(
    "1 validation error detected: Value 'HMAC_SHA_1' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]",
  )
})

test('a policy sees the algorithm', async () => {
  const statement = (effect: string, condition?: object) => ({
    Effect: effect,
    Principal: { AWS: `arn:aws:iam::${account}:root` },
    Action: 'kms:*',
    Resource: '*',
    ...(condition && { Condition: condition }),
  })
  const { KeyId } = await world.key({
    KeySpec: 'HMAC_256',
    KeyUsage: 'GENERATE_VERIFY_MAC',
    Policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [statement('Allow'), statement('Deny', { StringEquals: { 'kms:MacAlgorithm': 'HMAC_SHA_256' } })],
    }),
  })
  const { json } = await world.call('GenerateMac', { KeyId, Message, MacAlgorithm: 'HMAC_SHA_256' })
  expect(json.__type).toBe('AccessDeniedException')
})

test('an HSM that fails is no wrong MAC', async () => {
  const { KeyId } = await hmacKey('HMAC_256')
  world.hsm.failure = new Error('gone')
  const { status, json } = await world.call('VerifyMac', { KeyId, Message, MacAlgorithm: 'HMAC_SHA_256', Mac: Message })
  expect([status, json.__type]).toEqual([500, 'KMSInternalException'])
})

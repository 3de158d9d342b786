import { createPublicKey, encapsulate } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const EncapsulationAlgorithm = 'ML_KEM'
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

describe.each([
  ['ML_KEM_512', 768],
  ['ML_KEM_768', 1088],
  ['ML_KEM_1024', 1568],
])('%s', (KeySpec, length) => {
  const key = () => world.key({ KeySpec, KeyUsage: 'ENCAPSULATE_DECAPSULATE' })
  const open = (KeyId: string, blob: Uint8Array, more: object = {}) =>
    world.call('Decapsulate', {
      KeyId,
      SharedSecretCiphertextBlob: base64(blob),
      EncapsulationAlgorithm,
      ...more,
    })

  test('makes another secret each time, and opens it from its ciphertext', async () => {
    const { KeyId, Arn } = await key()
    const { json } = await world.call('Encapsulate', { KeyId, EncapsulationAlgorithm })
    expect(json).toEqual({
      KeyId: Arn,
      SharedSecret: expect.any(String),
      SharedSecretCiphertextBlob: expect.any(String),
      EncapsulationAlgorithm,
    })
    expect(bytesOf(json.SharedSecret)).toHaveLength(32)
    expect(bytesOf(json.SharedSecretCiphertextBlob)).toHaveLength(length)
    const opened = await open(KeyId, bytesOf(json.SharedSecretCiphertextBlob))
    expect(opened.json).toEqual({ KeyId: Arn, SharedSecret: json.SharedSecret, EncapsulationAlgorithm })
    const again = await world.call('Encapsulate', { KeyId, EncapsulationAlgorithm })
    expect(again.json.SharedSecret).not.toBe(json.SharedSecret)
  })

  test('opens what node:crypto encapsulated to its public key', async () => {
    const { KeyId } = await key()
    const spki = Buffer.from((await world.call('GetPublicKey', { KeyId })).json.PublicKey, 'base64')
    const made = encapsulate(createPublicKey({ key: spki, format: 'der', type: 'spki' }))
    expect((await open(KeyId, made.ciphertext)).json.SharedSecret).toBe(base64(made.sharedKey))
  })

  test('refuses a ciphertext of another length, and gives another secret for another one of its length', async () => {
    const { KeyId } = await key()
    const { json } = await world.call('Encapsulate', { KeyId, EncapsulationAlgorithm })
    const good = bytesOf(json.SharedSecretCiphertextBlob)
    for (const blob of [good.subarray(1), Buffer.concat([good, Buffer.of(0)]), Buffer.of(1), Buffer.alloc(6144)])
      expect((await open(KeyId, blob)).json).toEqual({ __type: 'InvalidCiphertextException' })
    expect((await open(KeyId, Buffer.of(1), { DryRun: true })).json).toEqual({ __type: 'InvalidCiphertextException' })
    const changed = good.map((byte, at) => (at === 5 ? byte ^ 1 : byte))
    const other = await open(KeyId, changed)
    expect(other.status).toBe(200)
    expect(bytesOf(other.json.SharedSecret)).toHaveLength(32)
    expect(other.json.SharedSecret).not.toBe(json.SharedSecret)
    expect((await open(KeyId, changed)).json).toEqual(other.json)
  })
})

test('refuses keys of another usage, and other algorithms', async () => {
  const { KeyId, Arn } = await world.key({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' })
  for (const [action, more] of [
    ['Encapsulate', {}],
    ['Decapsulate', { SharedSecretCiphertextBlob: base64('x') }],
  ] as const) {
    expect((await world.call(action, { KeyId, EncapsulationAlgorithm, ...more })).json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: `${Arn} key usage is ENCRYPT_DECRYPT which is not valid for ${action}.`,
    })
    const { json } = await world.call(action, { KeyId, EncapsulationAlgorithm: 'RSA_KEM', ...more })
    expect(json.message).toBe(
      "1 validation error detected: Value 'RSA_KEM' at 'encapsulationAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ML_KEM]",
    )
  }
})

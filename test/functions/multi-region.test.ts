import { beforeEach, describe, expect, test } from 'vitest'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const failure = async (action: string, input: object) => {
  const { json } = await world.call(action, input)
  return [json.__type, json.message]
}

describe('CreateKey with MultiRegion', () => {
  test('makes a primary key without replicas, under an id of its own form', async () => {
    const { json } = await world.call('CreateKey', { MultiRegion: true })
    const { KeyId, Arn, MultiRegion, MultiRegionConfiguration } = json.KeyMetadata
    expect(KeyId).toMatch(/^mrk-[0-9a-f]{32}$/)
    expect(Arn).toBe(`arn:aws:kms:us-east-1:${account}:key/${KeyId}`)
    expect([MultiRegion, MultiRegionConfiguration]).toEqual([
      true,
      { MultiRegionKeyType: 'PRIMARY', PrimaryKey: { Arn, Region: 'us-east-1' }, ReplicaKeys: [] },
    ])
    const described = await world.call('DescribeKey', { KeyId })
    expect(described.json.KeyMetadata).toEqual(json.KeyMetadata)
  })

  test('says of a single-Region key only that it is one', async () => {
    const { KeyId } = await world.key()
    const { json } = await world.call('DescribeKey', { KeyId })
    expect(json.KeyMetadata.MultiRegion).toBe(false)
    expect(json.KeyMetadata).not.toHaveProperty('MultiRegionConfiguration')
  })

  test('makes a key that encrypts and decrypts', async () => {
    const { KeyId } = await world.key({ MultiRegion: true })
    const { json } = await world.call('Encrypt', { KeyId, Plaintext: base64('shared') })
    const opened = await world.call('Decrypt', { CiphertextBlob: json.CiphertextBlob })
    expect(opened.json.Plaintext).toBe(base64('shared'))
  })

  test('lets a key policy ask whether a key is a multi-Region key, and which of them', async () => {
    const policy = (condition: object) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' },
          { Effect: 'Deny', Principal: '*', Action: 'kms:Encrypt', Resource: '*', Condition: condition },
        ],
      })
    const deny = { StringEquals: { 'kms:MultiRegionKeyType': 'PRIMARY' }, Bool: { 'kms:MultiRegion': 'true' } }
    const many = await world.key({ MultiRegion: true, Policy: policy(deny) })
    const one = await world.key({ Policy: policy(deny) })
    const encrypt = (KeyId: string) => world.call('Encrypt', { KeyId, Plaintext: base64('x') })
    expect((await encrypt(many.KeyId)).json.__type).toBe('AccessDeniedException')
    expect((await encrypt(one.KeyId)).status).toBe(200)
  })

  test('refuses one in a custom key store', async () => {
    const input = { MultiRegion: true, Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: 'cks-1234', XksKeyId: 'key-1' }
    expect(await failure('CreateKey', input)).toEqual([
      'UnsupportedOperationException',
      'Multi-Region keys are not supported in custom key stores.',
    ])
  })
})

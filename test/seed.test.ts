/** Seed files, planted in a world in memory; with a real token and a real start, in e2e/seed.test.ts. */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { Conflict } from '../lib/ports.ts'
import { SeedError } from '../scripts/seed/file.ts'
import { plant } from '../scripts/seed/seed.ts'
import { base64, TestWorld } from './harness/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'keystead-seed-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'seed.yaml')

const id = '11111111-2222-4333-8444-555555555555'
const other = '99999999-2222-4333-8444-555555555555'
const first = 'a1'.repeat(32)
const second = '12'.repeat(32)

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const planted = (text: string, token = { software: true }) => {
  writeFileSync(file, text)
  return plant(world.open, file, token)
}
/** Why a file is refused, without its folder. */
const refusal = async (text: string, token?: { software: boolean }): Promise<string> => {
  const thrown = await planted(text, token).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(SeedError)
  return (thrown as Error).message.replace(`${folder}/`, '')
}
const isEmpty = async () => {
  const { json } = await world.call('ListKeys')
  const aliases = await world.call('ListAliases')
  return json.Keys.length === 0 && aliases.json.Aliases.length === 0
}

test('makes keys, tags, policies and aliases with the ids given, and is recorded', async () => {
  const result = await planted(`
Keys:
  - KeyId: ${id}
    Description: 42
    Tags: [{ TagKey: team, TagValue: 007 }]
    Policy:
      Version: 2012-10-17
      Statement: [{ Effect: Allow, Principal: { AWS: arn:aws:iam::000000000000:root }, Action: kms:*, Resource: "*" }]
Aliases: [{ AliasName: alias/seeded, TargetKeyId: ${id} }]
`)
  expect(result).toEqual({ made: 2, kept: 0 })
  expect(world.records.map(({ eventName, userAgent, resources }) => [eventName, userAgent, resources?.length])).toEqual(
    [
      ['CreateKey', 'Keystead seed', 1],
      ['CreateAlias', 'Keystead seed', 2],
    ],
  )
  const { json } = await world.call('DescribeKey', { KeyId: 'alias/seeded' })
  expect(json.KeyMetadata).toMatchObject({ KeyId: id, Description: '42', KeyState: 'Enabled', Origin: 'AWS_KMS' })
  expect((await world.call('ListResourceTags', { KeyId: id })).json.Tags).toEqual([{ TagKey: 'team', TagValue: '007' }])
  expect((await world.call('GetKeyPolicy', { KeyId: id })).json.Policy).toContain('"Version":"2012-10-17"')
  const { json: sealed } = await world.call('Encrypt', { KeyId: id, Plaintext: base64('x') })
  expect((await world.call('Decrypt', sealed)).json.Plaintext).toBe(base64('x'))
})

test('makes nothing that cannot be put on record', async () => {
  world.auditFailure = new Error('no disk')
  await expect(planted(`Keys: [{ KeyId: ${id} }]`)).rejects.toThrow('no disk')
  expect(await world.open.keyStore.find(id)).toBeUndefined()
})

test('leaves to another process what that was first to make', async () => {
  const { keyStore } = world.open
  const late = { ...keyStore, create: () => Promise.reject(new Conflict()) }
  writeFileSync(file, `Keys: [{ KeyId: ${id} }]`)
  expect(await plant({ ...world.open, keyStore: late }, file, { software: true })).toEqual({ made: 0, kept: 1 })
  expect(world.records.map(({ eventName, errorCode }) => [eventName, errorCode])).toEqual([
    ['CreateKey', 'AlreadyExistsException'],
  ])
})

describe('key material', () => {
  test('is that of the file: an HMAC is the one that anybody computes with it', async () => {
    await planted(
      `Keys: [{ KeyId: ${id}, KeySpec: HMAC_256, KeyUsage: GENERATE_VERIFY_MAC, KeyMaterial: ['${first}'] }]`,
    )
    const { json } = await world.call('GenerateMac', { KeyId: id, MacAlgorithm: 'HMAC_SHA_256', Message: base64('m') })
    expect(json.Mac).toBe(createHmac('sha256', Buffer.from(first, 'hex')).update('m').digest('base64'))
  })
  test('in all digits is text, not a number', async () => {
    await planted(
      `Keys: [{ KeyId: ${id}, KeySpec: HMAC_256, KeyUsage: GENERATE_VERIFY_MAC, KeyMaterial: [${second}] }]`,
    )
    const { json } = await world.call('GenerateMac', { KeyId: id, MacAlgorithm: 'HMAC_SHA_256', Message: base64('m') })
    expect(json.Mac).toBe(createHmac('sha256', Buffer.from(second, 'hex')).update('m').digest('base64'))
  })
  test('of several versions is as if the key had been rotated: the last is current, and all are there', async () => {
    await planted(`Keys: [{ KeyId: ${id}, KeyMaterial: ['${first}', '${second}'] }]`)
    const { json } = await world.call('ListKeyRotations', { KeyId: id, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })
    expect(json.Rotations.map((each: Record<string, unknown>) => [each.KeyMaterialState, each.RotationType])).toEqual([
      ['NON_CURRENT', undefined],
      ['CURRENT', 'AUTOMATIC'],
    ])
    const rotated = await world.call('RotateKeyOnDemand', { KeyId: id })
    expect(rotated.status).toBe(200)
    expect(await planted(`Keys: [{ KeyId: ${id}, KeyMaterial: ['${first}', '${second}'] }]`)).toEqual({
      made: 0,
      kept: 1,
    })
  })
  test('of a key pair gives its public key', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    const pem = privateKey.export({ format: 'pem', type: 'sec1' })
    const material = JSON.stringify([pem])
    await planted(`Keys: [{ KeyId: ${id}, KeySpec: ECC_SECG_P256K1, KeyUsage: SIGN_VERIFY, KeyMaterial: ${material} }]`)
    const { json } = await world.call('GetPublicKey', { KeyId: id })
    expect(json.PublicKey).toBe(publicKey.export({ format: 'der', type: 'spki' }).toString('base64'))
  })
  test('of Origin EXTERNAL is imported, and without it the key waits', async () => {
    await planted(`
Keys:
  - { KeyId: ${id}, Origin: EXTERNAL, KeyMaterial: ['${first}'] }
  - { KeyId: ${other}, Origin: EXTERNAL }
`)
    const states = await Promise.all(
      [id, other].map(async (KeyId) => (await world.call('DescribeKey', { KeyId })).json.KeyMetadata.KeyState),
    )
    expect(states).toEqual(['Enabled', 'PendingImport'])
  })
  test('is for software tokens', async () => {
    const text = `Keys: [{ KeyId: ${id}, KeyMaterial: ['${first}'] }]`
    expect(await refusal(text, { software: false })).toBe(
      'seed.yaml:1:69: Keys[0].KeyMaterial[0] gives key material, which only a software token takes (KEYSTEAD_HSM_PROFILE=softhsm)',
    )
    expect(await isEmpty()).toBe(true)
  })
})

describe('a second start', () => {
  const text = `
Keys: [{ KeyId: ${id}, Description: one, KeyMaterial: ['${first}'] }]
Aliases: [{ AliasName: alias/seeded, TargetKeyId: ${id} }]
`
  test('changes nothing, not even what was changed since', async () => {
    await planted(text)
    const { KeyId: moved } = await world.key()
    await world.call('UpdateKeyDescription', { KeyId: id, Description: 'two' })
    await world.call('DisableKey', { KeyId: id })
    await world.call('UpdateAlias', { AliasName: 'alias/seeded', TargetKeyId: moved })
    const before = await world.open.keyStore.find(id)
    const records = world.records.length
    expect(await planted(text)).toEqual({ made: 0, kept: 2 })
    expect(await world.open.keyStore.find(id)).toEqual(before)
    expect((await world.call('DescribeKey', { KeyId: 'alias/seeded' })).json.KeyMetadata.KeyId).toBe(moved)
    expect(world.records.length).toBe(records + 1)
  })
  test('finishes what the first left undone', async () => {
    await planted(text.replace(/Aliases.*/, ''))
    expect(await planted(text)).toEqual({ made: 1, kept: 1 })
  })
  test.each([
    [
      'other material',
      text.replace(first, second),
      /^seed\.yaml:2:8: Keys\[0\] is there already, with other key material/,
    ],
    ['more material', text.replace(`'${first}'`, `'${first}', '${second}'`), /with other key material/],
    [
      'another spec',
      `Keys: [{ KeyId: ${id}, KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY }]`,
      /^seed\.yaml:1:8: Keys\[0\] is there already, with KeySpec SYMMETRIC_DEFAULT where the file says RSA_2048$/,
    ],
    [
      'another origin',
      `Keys: [{ KeyId: ${id}, Origin: EXTERNAL }]`,
      /with Origin AWS_KMS where the file says EXTERNAL$/,
    ],
  ])('is refused with %s, and the key stays itself', async (_, changed, why) => {
    await planted(text)
    const before = await world.open.keyStore.find(id)
    expect(await refusal(changed)).toMatch(why)
    expect(await world.open.keyStore.find(id)).toEqual(before)
  })
})

describe('a mistake makes nothing and is told with its place:', () => {
  const good = `  - { KeyId: ${other} }`
  test.each([
    ['no YAML', 'Keys: [', 'seed.yaml:1:8: is not YAML (bad indent)'],
    ['a tag', `Keys: !!js/function 'x'`, 'seed.yaml:1:7: is not YAML (tag resolve failed)'],
    ['two documents', 'Keys: []\n---\nKeys: []', 'seed.yaml:2:1: is not YAML (multiple docs)'],
    ['a member twice', 'Keys: []\nKeys: []', 'seed.yaml:2:1: is not YAML (duplicate key)'],
    ['nothing', '', 'seed.yaml:1:1: must be a mapping with Keys and Aliases'],
    ['an unknown part', 'Key: []', 'seed.yaml:1:6: Key is not known here'],
    ['no id', 'Keys:\n  - Description: x', 'seed.yaml:2:5: Keys[0].KeyId is missing'],
    [
      'a bad id',
      'Keys:\n  - KeyId: mine',
      'seed.yaml:2:12: Keys[0].KeyId must be a UUID in lower case, or mrk- and 32 hexadecimal digits',
    ],
    [
      'an id of another kind',
      `Keys:\n  - KeyId: ${id}\n    MultiRegion: true`,
      'seed.yaml:2:12: Keys[0].KeyId begins with mrk- where MultiRegion is true, and only there',
    ],
    ['an id twice', `Keys:\n  - KeyId: ${other}`, `seed.yaml:3:5: Keys[1] is in the file twice (${other})`],
    [
      'an unknown member',
      `Keys:\n  - KeyId: ${id}\n    Keyspec: RSA_2048`,
      'seed.yaml:3:14: Keys[0].Keyspec is not known here',
    ],
    [
      'an unknown member of a tag',
      `Keys:\n  - KeyId: ${id}\n    Tags: [{ Key: a }]`,
      'seed.yaml:3:19: Keys[0].Tags[0].Key is not known here',
    ],
    [
      'a wrong type',
      `Keys:\n  - KeyId: ${id}\n    MultiRegion: 'no'`,
      'seed.yaml:3:18: Keys[0].MultiRegion must be true or false',
    ],
    [
      'a bad value',
      `Keys:\n  - KeyId: ${id}\n    Origin: MINE`,
      'seed.yaml:3:13: Keys[0].Origin must satisfy enum value set: [AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE]',
    ],
    [
      'what CreateKey refuses',
      `Keys:\n  - KeyId: ${id}\n    KeySpec: RSA_2048`,
      'seed.yaml:2:5: Keys[0] is refused: You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    ],
    [
      'a policy that locks out',
      `Keys:\n  - KeyId: ${id}\n    Policy: { Version: 2012-10-17, Statement: [] }`,
      'seed.yaml:2:5: Keys[0] is refused: ',
    ],
    [
      'a custom key store',
      `Keys:\n  - KeyId: ${id}\n    Origin: AWS_CLOUDHSM\n    CustomKeyStoreId: cks-1234567890abcdef0`,
      'seed.yaml:3:13: Keys[0].Origin cannot be a custom key store: those are made after the start',
    ],
    [
      'short material',
      `Keys:\n  - KeyId: ${id}\n    KeyMaterial: [abcd]`,
      'seed.yaml:3:19: Keys[0].KeyMaterial[0] must be 64 hexadecimal digits (SYMMETRIC_DEFAULT)',
    ],
    [
      'material twice',
      `Keys:\n  - KeyId: ${id}\n    KeyMaterial: ['${first}', '${first}']`,
      'seed.yaml:3:87: Keys[0].KeyMaterial[1] stands there twice',
    ],
    [
      'material of a spec that has no import',
      `Keys:\n  - KeyId: ${id}\n    KeySpec: ML_DSA_44\n    KeyUsage: SIGN_VERIFY\n    KeyMaterial: ['${first}']`,
      'seed.yaml:5:19: Keys[0].KeyMaterial[0] cannot be given: keys of ML_DSA_44 have no import',
    ],
    [
      'no private key',
      `Keys:\n  - KeyId: ${id}\n    KeySpec: RSA_2048\n    KeyUsage: SIGN_VERIFY\n    KeyMaterial: ['${first}']`,
      'seed.yaml:5:19: Keys[0].KeyMaterial[0] must be a private key in PEM without a password',
    ],
    [
      'an alias of an alias',
      `Aliases:\n  - { AliasName: alias/a, TargetKeyId: alias/b }`,
      'seed.yaml:2:5: Aliases[0] is refused: Aliases must refer to keys. Not aliases',
    ],
    [
      'an alias of nothing',
      `Aliases:\n  - { AliasName: alias/a, TargetKeyId: ${id} }`,
      'seed.yaml:2:40: Aliases[0].TargetKeyId names a key that is neither in the file nor there',
    ],
    [
      'a bad alias',
      `Aliases:\n  - { AliasName: a, TargetKeyId: ${id} }`,
      'seed.yaml:2:5: Aliases[0] is refused: Alias must start with the prefix "alias/".',
    ],
  ])('%s', async (_, text, why) => {
    const whole = /^Keys:\n/.test(text) ? `${text}\n${good}` : text
    expect(await refusal(whole)).toContain(why)
    expect(await isEmpty()).toBe(true)
  })
  test('more aliases of a key than it may have', async () => {
    const aliases = Array.from({ length: 51 }, (_, index) => `  - { AliasName: alias/a${index}, TargetKeyId: ${id} }`)
    const text = `Keys: [{ KeyId: ${id} }]\nAliases:\n${aliases.join('\n')}`
    expect(await refusal(text)).toMatch(/^seed\.yaml:3:5: Aliases\[0\] is refused: .* already has 50 aliases\.$/)
    expect(await isEmpty()).toBe(true)
  })
  test('aliases of YAML that multiply', async () => {
    const levels = Array.from({ length: 9 }, (_, index) => `a${index + 1}: &a${index + 1} [${`*a${index},`.repeat(9)}]`)
    expect(await refusal(`a0: &a0 [x]\n${levels.join('\n')}`)).toBe('seed.yaml:1:1: repeats too much by aliases')
  })
  test('lists within lists without end', async () => {
    expect(await refusal(`Keys: ${'['.repeat(200_000)}`)).toMatch(
      /^seed\.yaml:1:\d+: is not YAML|^seed\.yaml cannot be read/,
    )
  })
  test('a file that is none', async () => {
    await expect(plant(world.open, join(folder, 'none.yaml'), { software: true })).rejects.toThrow(
      `${folder}/none.yaml cannot be read as UTF-8 text`,
    )
    await expect(plant(world.open, '/dev/zero', { software: true })).rejects.toThrow('is not a file of at most 1 MiB')
  })
  test('no message repeats key material', async () => {
    const wrong = 'c0ffee'.repeat(20)
    const spoiled = [
      `Keys: [{ KeyId: ${id}, KeyMaterial: ['${wrong}'] }]`,
      `Keys: [{ KeyId: ${id}, KeyMaterial: '${wrong}' }]`,
      `Keys: [{ KeyId: ${id}, KeyMaterial: [{ a: '${wrong}' }] }]`,
      `Keys: [{ KeyId: ${id}, KeyMaterial: ['${wrong}' }] ]`,
      `Keys:\n  - KeyId: ${id}\n    KeyMaterial: *${wrong}`,
    ]
    for (const text of spoiled) expect(await refusal(text)).not.toContain('c0ffee')
  })
})

describe('a seed file of local-kms', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = JSON.stringify(privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const two = (spec: string, material: string, usage?: string) =>
    `Version: 2\nKeys: [{ KeyId: ${id}, Metadata: { KeySpec: ${spec}${usage ? `, KeyUsage: ${usage}` : ''} }, Material: { ${material} } }]`
  const aes = (more: string) => `Keys: { Symmetric: { Aes: [{ Metadata: { KeyId: ${id} }, ${more} }] } }`

  test('makes its keys', async () => {
    await planted(`
Keys:
  Symmetric:
    Aes:
      - Metadata: { KeyId: ${id}, Description: rotated, Enabled: false }
        NextKeyRotation: "2040-09-12T15:19:21+00:00"
        BackingKeys: ['${first.toUpperCase()}', ${second}]
  Asymmetric:
    Rsa:
      - Metadata: { KeyId: ${other}, KeyUsage: ENCRYPT_DECRYPT }
        PrivateKeyPem: ${pem}
Aliases:
  - { AliasName: alias/dev, TargetKeyId: ${id}, AliasArn: ignored }
`)
    const { json } = await world.call('GetKeyRotationStatus', { KeyId: id })
    expect([json.KeyRotationEnabled, json.NextRotationDate]).toEqual([true, Date.UTC(2040, 8, 12, 15, 19, 21) / 1000])
    const described = await world.call('DescribeKey', { KeyId: 'alias/dev' })
    expect(described.json.KeyMetadata).toMatchObject({ KeyState: 'Enabled', Description: 'rotated' })
    const pair = await world.call('GetPublicKey', { KeyId: other })
    expect([pair.json.KeySpec, pair.json.KeyUsage, pair.json.PublicKey]).toEqual([
      'RSA_2048',
      'ENCRYPT_DECRYPT',
      publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    ])
  })
  test('makes MACs with the first backing key of an HMAC key, and verifies them with any', async () => {
    await planted(
      `Keys: { Symmetric: { Hmac: [{ Metadata: { KeyId: ${id}, KeySpec: HMAC_256 }, BackingKeys: ['${first}', '${second}'] }] } }`,
    )
    const mac = (key: string) => createHmac('sha256', Buffer.from(key, 'hex')).update('m').digest('base64')
    const asked = { KeyId: id, MacAlgorithm: 'HMAC_SHA_256', Message: base64('m') }
    expect((await world.call('GenerateMac', asked)).json.Mac).toBe(mac(first))
    expect((await world.call('VerifyMac', { ...asked, Mac: mac(second) })).json.MacValid).toBe(true)
    expect((await world.call('VerifyMac', { ...asked, Mac: mac('33'.repeat(32)) })).json.__type).toBe(
      'KMSInvalidMacException',
    )
  })
  test('of version 2 makes keys of every kind that it has material for', async () => {
    const ed25519 = generateKeyPairSync('ed25519')
    const edPem = JSON.stringify(ed25519.privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const [mac, rsa, ed] = ['22222222', '33333333', '44444444'].map((start) => start + id.slice(8))
    const keys = `
  - KeyId: ${id}
    Metadata: { KeySpec: SYMMETRIC_DEFAULT, KeyUsage: ENCRYPT_DECRYPT, Description: rotated }
    NextKeyRotation: 2040-09-12T15:19:21Z
    Material: { BackingKeys: ['${first.toUpperCase()}', ${second}] }
  - KeyId: ${other}
    Metadata: { KeySpec: SYMMETRIC_DEFAULT }
    Material: { BackingKeys: [${second}] }
  - KeyId: ${mac}
    Metadata: { KeySpec: HMAC_256, KeyUsage: GENERATE_VERIFY_MAC }
    Material: { BackingKeys: [${second}] }
  - KeyId: ${rsa}
    Metadata: { KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY }
    Material: { PrivateKeyPem: ${pem} }
  - KeyId: ${ed}
    Metadata: { KeySpec: ECC_NIST_EDWARDS25519, KeyUsage: SIGN_VERIFY }
    Material: { PrivateKeyPem: ${edPem} }
`
    const text = `Version: 2\nAliases: [{ AliasName: alias/dev, TargetKeyId: ${id} }]\nKeys:${keys}`
    expect(await planted(text)).toEqual({ made: 6, kept: 0 })
    const { json } = await world.call('GetKeyRotationStatus', { KeyId: id })
    expect([json.KeyRotationEnabled, json.NextRotationDate]).toEqual([true, Date.UTC(2040, 8, 12, 15, 19, 21) / 1000])
    const rotations = await world.call('ListKeyRotations', { KeyId: id, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })
    expect(rotations.json.Rotations).toHaveLength(2)
    expect((await world.call('DescribeKey', { KeyId: 'alias/dev' })).json.KeyMetadata.Description).toBe('rotated')
    const made = await world.call('GenerateMac', { KeyId: mac, MacAlgorithm: 'HMAC_SHA_256', Message: base64('m') })
    expect(made.json.Mac).toBe(createHmac('sha256', Buffer.from(second, 'hex')).update('m').digest('base64'))
    for (const [KeyId, pair] of [
      [rsa, publicKey],
      [ed, ed25519.publicKey],
    ] as const) {
      const { PublicKey } = (await world.call('GetPublicKey', { KeyId })).json
      expect(PublicKey).toBe(pair.export({ format: 'der', type: 'spki' }).toString('base64'))
    }
    // It does not ask for its version to be said.
    expect(await planted(`Keys:${keys}`)).toEqual({ made: 0, kept: 5 })
  })
  test.each([
    ['another version', `Version: 3\nKeys: []`, 'Version must be 2'],
    ['the layout of before', `Version: 2\nKeys: { Symmetric: {} }`, 'Keys must be a list'],
    ['no material', two('SYMMETRIC_DEFAULT', ''), 'Keys[0].Material.BackingKeys is missing'],
    ['no private key', two('RSA_2048', ''), 'Keys[0].Material.PrivateKeyPem is missing'],
    [
      'a private key of a secret one',
      two('SYMMETRIC_DEFAULT', `PrivateKeyPem: ${pem}`),
      'Keys[0].Material.PrivateKeyPem is not for keys of SYMMETRIC_DEFAULT',
    ],
    [
      'a private key of another spec',
      two('RSA_4096', `PrivateKeyPem: ${pem}`, 'SIGN_VERIFY'),
      'Keys[0].Material.PrivateKeyPem must be a private key of RSA_4096',
    ],
    [
      'several backing keys of an HMAC key',
      two('HMAC_256', `BackingKeys: ['${first}', '${second}']`, 'GENERATE_VERIFY_MAC'),
      'Keys[0].Material.BackingKeys must be one (HMAC_256)',
    ],
    [
      'a private key that cannot be imported',
      two('ML_DSA_44', `PrivateKeyPem: ${pem}`, 'SIGN_VERIFY'),
      'Keys[0].Material.PrivateKeyPem cannot be given: keys of ML_DSA_44 have no import',
    ],
    ['no usage of an RSA key', two('RSA_2048', `PrivateKeyPem: ${pem}`), 'You must specify a KeyUsage value'],
    ['a member that it has not', two('SYMMETRIC_DEFAULT', 'Pem: x'), 'Keys[0].Material.Pem is not known here'],
  ])('of version 2 is refused with %s', async (_, text, why) => {
    expect(await refusal(text)).toContain(why)
    expect(await isEmpty()).toBe(true)
  })
  test('in its older form is a list of AES keys', async () => {
    await planted(`Keys: [{ Metadata: { KeyId: ${id} }, BackingKeys: ['${first}'] }]`)
    expect((await world.call('DescribeKey', { KeyId: id })).json.KeyMetadata.KeySpec).toBe('SYMMETRIC_DEFAULT')
  })
  test.each([
    ['no backing key', aes('BackingKeys: []'), 'Keys.Symmetric.Aes[0].BackingKeys is missing'],
    [
      'a short backing key',
      aes('BackingKeys: [ab]'),
      'Keys.Symmetric.Aes[0].BackingKeys[0] must be 64 hexadecimal digits (SYMMETRIC_DEFAULT)',
    ],
    [
      'a date that is none',
      aes(`BackingKeys: ['${first}'], NextKeyRotation: soon`),
      'Keys.Symmetric.Aes[0].NextKeyRotation must be a time in ISO 8601',
    ],
    ['a member that it has not', aes('Backing: []'), 'Keys.Symmetric.Aes[0].Backing is not known here'],
    ['a part that it has not', 'Keys: { Symmetric: { Rsa: [] } }', 'Keys.Symmetric.Rsa is not known here'],
    [
      'an RSA key without usage',
      `Keys: { Asymmetric: { Rsa: [{ Metadata: { KeyId: ${id} }, PrivateKeyPem: ${pem} }] } }`,
      'Keys.Asymmetric.Rsa[0].Metadata.KeyUsage is missing',
    ],
    [
      'an RSA key that is said to be another',
      `Keys: { Asymmetric: { Rsa: [{ Metadata: { KeyId: ${id}, KeyUsage: SIGN_VERIFY, KeySpec: RSA_4096 }, PrivateKeyPem: ${pem} }] } }`,
      'Keys.Asymmetric.Rsa[0].Metadata.KeySpec is not that of the key',
    ],
    [
      'an HMAC key without spec',
      `Keys: { Symmetric: { Hmac: [{ Metadata: { KeyId: ${id} }, BackingKeys: ['${first}'] }] } }`,
      'Keys.Symmetric.Hmac[0].Metadata.KeySpec is missing',
    ],
    [
      'two backing keys of EXTERNAL',
      `Keys: { Symmetric: { Aes: [{ Metadata: { KeyId: ${id}, Origin: EXTERNAL }, BackingKeys: ['${first}', '${second}'] }] } }`,
      'is of Origin EXTERNAL: give one key material',
    ],
  ])('is refused with %s', async (_, text, why) => {
    expect(await refusal(text)).toContain(why)
    expect(await isEmpty()).toBe(true)
  })
})

import { beforeEach, describe, expect, test } from 'vitest'
import { account, TestWorld } from '../harness/world.ts'

let world: TestWorld
let key: { KeyId: string; Arn: string }
beforeEach(async () => {
  world = await TestWorld.start()
  key = await world.key()
})
const aliasArn = (name: string) => `arn:aws:kms:us-east-1:${account}:${name}`

describe('aliases', () => {
  const create = (AliasName: string, TargetKeyId = key.KeyId) => world.call('CreateAlias', { AliasName, TargetKeyId })

  test.each([
    [
      'payroll',
      'ValidationException',
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    ],
    ['alias/my:alias', 'ValidationException', 'alias/my:alias contains invalid characters for an alias'],
    [
      'alias/x!',
      'ValidationException',
      "1 validation error detected: Value 'alias/x!' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ],
    ['alias/aws/s3', 'NotAuthorizedException', undefined],
  ])('%s is no name', async (name, type, message) => {
    for (const action of ['CreateAlias', 'UpdateAlias', 'DeleteAlias']) {
      const { status, json } = await world.call(action, { AliasName: name, TargetKeyId: key.KeyId })
      expect([action, status, json.__type, json.message]).toEqual([action, 400, type, message])
    }
  })

  test('a name that is taken is refused', async () => {
    expect((await create('alias/x')).status).toBe(200)
    expect((await create('alias/x')).json).toEqual({
      __type: 'AlreadyExistsException',
      message: `An alias with the name ${aliasArn('alias/x')} already exists`,
    })
  })

  test('a key has at most 50, by creation or by update', async () => {
    for (let count = 0; count < 50; count++) expect((await create(`alias/${count}`)).status).toBe(200)
    expect((await create('alias/more')).json.__type).toBe('LimitExceededException')
    const other = await world.key()
    await create('alias/other', other.KeyId)
    expect((await world.call('UpdateAlias', { AliasName: 'alias/other', TargetKeyId: key.KeyId })).json.__type).toBe(
      'LimitExceededException',
    )
    expect((await world.call('UpdateAlias', { AliasName: 'alias/1', TargetKeyId: key.KeyId })).status).toBe(200)
  })

  test('an unknown name can be neither updated nor deleted', async () => {
    const message = `Alias ${aliasArn('alias/none')} is not found.`
    expect((await world.call('UpdateAlias', { AliasName: 'alias/none', TargetKeyId: key.KeyId })).json).toEqual({
      __type: 'NotFoundException',
      message,
    })
    expect((await world.call('DeleteAlias', { AliasName: 'alias/none' })).json).toEqual({
      __type: 'NotFoundException',
      message,
    })
  })

  test('are on record with the alias and the key, both as keys', async () => {
    await create('alias/x')
    expect(world.records.at(-1)).toMatchObject({
      requestParameters: { aliasName: 'alias/x', targetKeyId: key.KeyId },
      responseElements: { keyId: key.Arn },
      resources: [
        { ARN: aliasArn('alias/x'), type: 'AWS::KMS::Key' },
        { ARN: key.Arn, type: 'AWS::KMS::Key' },
      ],
    })
  })

  test('are listed for the account or one key, with both dates', async () => {
    const other = await world.key()
    await create('alias/b')
    await create('alias/a', other.KeyId)
    const created = world.nowMs / 1000
    world.nowMs += 60_000
    await world.call('UpdateAlias', { AliasName: 'alias/b', TargetKeyId: other.KeyId })
    const { json } = await world.call('ListAliases')
    expect(json).toEqual({
      Aliases: [
        {
          AliasName: 'alias/a',
          AliasArn: aliasArn('alias/a'),
          TargetKeyId: other.KeyId,
          CreationDate: created,
          LastUpdatedDate: created,
        },
        {
          AliasName: 'alias/b',
          AliasArn: aliasArn('alias/b'),
          TargetKeyId: other.KeyId,
          CreationDate: created,
          LastUpdatedDate: created + 60,
        },
      ],
      Truncated: false,
    })
    expect((await world.call('ListAliases', { KeyId: key.Arn })).json).toEqual({ Aliases: [], Truncated: false })
    expect((await world.call('ListAliases', { KeyId: 'alias/a' })).json.__type).toBe('InvalidArnException')
  })

  test('may be deleted in any state of their key, which stays', async () => {
    await create('alias/x')
    await world.call('ScheduleKeyDeletion', { KeyId: key.KeyId })
    expect((await world.call('DeleteAlias', { AliasName: 'alias/x' })).status).toBe(200)
    expect((await world.call('DescribeKey', { KeyId: key.KeyId })).json.KeyMetadata.KeyState).toBe('PendingDeletion')
  })

  test('belong to one account: another may have the same name', async () => {
    const stranger = {
      accessKeyId: 'AKIASTRANGERSTRANGER',
      secretAccessKey: 'another-secret-for-tests-guarding-nothin',
    }
    await world.addRoot('999999999999', stranger)
    await create('alias/x')
    const theirs = (await world.call('CreateKey', {}, stranger)).json.KeyMetadata
    expect(
      (await world.call('CreateAlias', { AliasName: 'alias/x', TargetKeyId: theirs.KeyId }, stranger)).status,
    ).toBe(200)
    expect((await world.call('DescribeKey', { KeyId: 'alias/x' }, stranger)).json.KeyMetadata.Arn).toBe(theirs.Arn)
    expect((await world.call('DescribeKey', { KeyId: 'alias/x' })).json.KeyMetadata.Arn).toBe(key.Arn)
    expect((await world.call('ListKeys', {}, stranger)).json.Keys).toHaveLength(1)
  })
})

describe('tags', () => {
  const tag = (...Tags: [string, string][]) =>
    world.call('TagResource', { KeyId: key.KeyId, Tags: Tags.map(([TagKey, TagValue]) => ({ TagKey, TagValue })) })

  test('are added, overwritten and removed; one that is not there is not missed', async () => {
    await tag(['a', '1'], ['b', '2'])
    await tag(['a', '3'], ['__proto__', '4'])
    await world.call('UntagResource', { KeyId: key.KeyId, TagKeys: ['b', 'none'] })
    expect((await world.call('ListResourceTags', { KeyId: key.KeyId })).json).toEqual({
      Tags: [
        { TagKey: '__proto__', TagValue: '4' },
        { TagKey: 'a', TagValue: '3' },
      ],
      Truncated: false,
    })
  })

  test('are at most 50, of which none twice and none of AWS', async () => {
    for (let at = 0; at < 50; at += 25)
      await tag(...Array.from({ length: 25 }, (_, each): [string, string] => [`k${at + each}`, '']))
    expect((await tag(['more', ''])).json).toEqual({ __type: 'TagException', message: 'Too many tags' })
    expect((await tag(['k1', 'again'])).status).toBe(200)
    expect((await tag(['x', ''], ['x', ''])).json).toEqual({ __type: 'TagException', message: 'Duplicate tag keys' })
    const reserved = { __type: 'TagException', message: 'Tags beginning with aws: are reserved' }
    expect((await tag(['Aws:x', ''])).json).toEqual(reserved)
    expect((await world.call('UntagResource', { KeyId: key.KeyId, TagKeys: ['aws:x'] })).json).toEqual(reserved)
    const first = (await world.call('ListResourceTags', { KeyId: key.KeyId, Limit: 30 })).json
    const second = (await world.call('ListResourceTags', { KeyId: key.KeyId, Marker: first.NextMarker })).json
    expect([first.Tags.length, first.Truncated, second.Tags.length, second.Truncated]).toEqual([30, true, 20, false])
  })
})

describe('key policies', () => {
  const policy = (statement: object = {}) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${account}:root` },
          Action: 'kms:*',
          Resource: '*',
          ...statement,
        },
      ],
    })
  const put = (Policy: string, more: object = {}) => world.call('PutKeyPolicy', { KeyId: key.KeyId, Policy, ...more })

  test('the default one delegates to the account, printed as AWS prints it', async () => {
    const { json } = await world.call('GetKeyPolicy', { KeyId: key.KeyId })
    expect(json.PolicyName).toBe('default')
    expect(json.Policy).toContain(
      '{\n  "Version" : "2012-10-17",\n  "Id" : "key-default-1",\n  "Statement" : [ {\n    "Sid" : "Enable IAM User Permissions"',
    )
    expect(JSON.parse(json.Policy).Statement[0].Principal).toEqual({ AWS: `arn:aws:iam::${account}:root` })
  })

  test('what was put is what is got, and what is enforced', async () => {
    const narrow = policy({ Action: ['kms:PutKeyPolicy', 'kms:GetKeyPolicy'] })
    expect((await put(narrow)).status).toBe(200)
    expect((await world.call('GetKeyPolicy', { KeyId: key.KeyId })).json.Policy).toBe(narrow)
    expect((await world.call('DescribeKey', { KeyId: key.KeyId })).json).toEqual({
      __type: 'AccessDeniedException',
      message: `User: arn:aws:iam::${account}:root is not authorized to perform: kms:DescribeKey on resource: ${key.Arn} because no resource-based policy allows the kms:DescribeKey action`,
    })
  })

  test('an explicit deny wins, and says so', async () => {
    const statements = JSON.parse(policy()).Statement
    const deny = { Effect: 'Deny', Principal: { AWS: '*' }, Action: 'kms:Encrypt', Resource: '*' }
    await put(JSON.stringify({ Version: '2012-10-17', Statement: [...statements, deny] }))
    const { json } = await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: 'AAAA' })
    expect(json).toEqual({
      __type: 'AccessDeniedException',
      message: `User: arn:aws:iam::${account}:root is not authorized to perform: kms:Encrypt on resource: ${key.Arn} with an explicit deny in a resource-based policy`,
    })
  })

  test('a condition is evaluated on the request', async () => {
    await put(
      policy({
        Action: ['kms:PutKeyPolicy', 'kms:Encrypt'],
        Condition: { StringEqualsIfExists: { 'kms:EncryptionContext:team': 'red' } },
      }),
    )
    const encrypt = (team: string) =>
      world.call('Encrypt', { KeyId: key.KeyId, Plaintext: 'AAAA', EncryptionContext: { team } })
    expect((await encrypt('red')).status).toBe(200)
    expect((await encrypt('blue')).json.__type).toBe('AccessDeniedException')
  })

  test.each([
    ['not JSON', '{', 'MalformedPolicyDocumentException'],
    ['a list', '[]', 'MalformedPolicyDocumentException'],
    ['no statement', '{"Version":"2012-10-17"}', 'MalformedPolicyDocumentException'],
    ['an old version', policy().replace('2012-10-17', '2011-01-01'), 'MalformedPolicyDocumentException'],
    ['a bad effect', policy({ Effect: 'Maybe' }), 'MalformedPolicyDocumentException'],
    ['more than 32 KB', policy({ Sid: 'x'.repeat(33_000) }), 'LimitExceededException'],
    ['a character that the model does not have', policy({ Sid: '✓' }), 'ValidationException'],
  ])('%s is refused and the old one stays', async (_what, document, type) => {
    const before = (await world.call('GetKeyPolicy', { KeyId: key.KeyId })).json.Policy
    expect((await put(document)).json.__type).toBe(type)
    expect((await world.call('GetKeyPolicy', { KeyId: key.KeyId })).json.Policy).toBe(before)
  })

  test('only `default` exists', async () => {
    const none = { __type: 'NotFoundException', message: 'No such policy exists' }
    expect((await world.call('GetKeyPolicy', { KeyId: key.KeyId, PolicyName: 'other' })).json).toEqual(none)
    expect((await put(policy(), { PolicyName: 'other' })).json).toEqual(none)
    expect((await world.call('ListKeyPolicies', { KeyId: key.KeyId })).json).toEqual({
      PolicyNames: ['default'],
      Truncated: false,
    })
  })
})

import { describe, expect, it } from 'vitest'
import { LimitExceededException, MalformedPolicyDocumentException } from '../../../lib/errors.ts'
import { decide } from '../../../lib/policy/decide.ts'
import { defaultKeyPolicy } from '../../../lib/policy/default-policy.ts'
import { maxPolicyBytes } from '../../../lib/policy/dialects.ts'
import {
  parseKeyPolicy,
  parseStoredIdentityPolicy,
  parseStoredPolicy,
  principalsIn,
} from '../../../lib/policy/policies.ts'
import { account, keyArn, requestOf } from './scenario.ts'

type Json = Readonly<Record<string, unknown>>

const statement: Json = {
  Effect: 'Allow',
  Principal: { AWS: `arn:aws:iam::${account}:root` },
  Action: 'kms:*',
  Resource: '*',
}
const text = (change: Json = {}) => JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, ...change }] })
const without = (field: string) =>
  JSON.stringify({ Statement: Object.fromEntries(Object.entries(statement).filter(([name]) => name !== field)) })
const when = (Condition: Json) => text({ Condition })
const named = (Principal: unknown) => text({ Principal })
const role = `arn:aws:iam::${account}:role/r`

const invalidPrincipal = 'Policy contains a statement with one or more invalid principals.'
const noPrincipal = 'Policy contains a statement with no principal.'

describe('parseKeyPolicy refuses', () => {
  const deep = (open: string, close: string) => `{"Statement":${open.repeat(2000)}1${close.repeat(2000)}}`

  it.each([
    ['what is not JSON', '{', 'Policy document is not valid JSON.'],
    ['an empty text', '', 'Policy document is not valid JSON.'],
    ['a list', '[]', 'Policy document is not valid JSON.'],
    ['null', 'null', 'Policy document is not valid JSON.'],
    ['a member named twice', '{"Statement":[],"Statement":[]}', 'Policy document is not valid JSON.'],
    [
      'a member named twice in other letters',
      '{"Statement":[],"St\\u0061tement":[]}',
      'Policy document is not valid JSON.',
    ],
    ['no Statement', '{}', 'Missing required field Statement'],
    ['an empty Statement', '{"Statement":[]}', 'Missing required field Statement'],
    ['lists in lists', deep('[', ']'), 'A statement must be an object.'],
    ['objects in objects', deep('{"Condition":', '}'), 'Missing required field Effect'],
    ['ten thousand statements', `{"Statement":[${'{},'.repeat(9999)}{}]}`, 'Missing required field Effect'],
    ['another Version', '{"Version":"2020-01-01","Statement":[]}', 'Version must be 2012-10-17 or 2008-10-17.'],
    ['an unknown field', '{"Statement":[],"Name":"x"}', 'Policy contains an unknown field.'],
    ['an unknown field of a statement', text({ Actions: 'kms:*' }), 'Policy contains an unknown field.'],
    ['a field named __proto__', '{"Statement":[],"__proto__":{}}', 'Policy contains an unknown field.'],
    ['an Id that is no string', '{"Id":1,"Statement":[]}', 'Id must be a string.'],
    ['no Effect', without('Effect'), 'Missing required field Effect'],
    ['an Effect in other case', text({ Effect: 'allow' }), 'Effect must be Allow or Deny.'],
    ['no Action', without('Action'), 'Missing required field Action'],
    ['an empty Action', text({ Action: [] }), 'Missing required field Action'],
    ['Action and NotAction', text({ NotAction: 'kms:*' }), 'A statement must not have both Action and NotAction.'],
    ['an action of another type', text({ Action: [1] }), 'Action must be a string or a list of strings.'],
    [
      "a wildcard in an action's vendor",
      text({ Action: 'k*:Encrypt' }),
      'An action must be * or prefaced by a vendor, e.g., kms, and have one colon.',
    ],
    [
      'an action without a vendor',
      text({ Action: 'Encrypt' }),
      'An action must be * or prefaced by a vendor, e.g., kms, and have one colon.',
    ],
    ['no Resource', without('Resource'), 'Missing required field Resource'],
    [
      'Resource and NotResource',
      text({ NotResource: '*' }),
      'A statement must not have both Resource and NotResource.',
    ],
    [
      'a Sid twice',
      JSON.stringify({
        Statement: [
          { ...statement, Sid: 'a' },
          { ...statement, Sid: 'a' },
        ],
      }),
      'Statement IDs (SID) in a single policy must be unique.',
    ],
    ['no Principal', without('Principal'), noPrincipal],
    ['an empty Principal', named(''), noPrincipal],
    ['a Principal of no types', named({}), noPrincipal],
    ['a Principal of an empty list', named({ AWS: [] }), noPrincipal],
    [
      'Principal and NotPrincipal',
      text({ NotPrincipal: '*' }),
      'A statement must not have both Principal and NotPrincipal.',
    ],
    [
      'NotPrincipal with Allow',
      without('Principal').replace('"Action"', '"NotPrincipal":"*","Action"'),
      'NotPrincipal is not supported with the effect Allow.',
    ],
    ['a Condition that is no object', text({ Condition: [] }), 'Condition must be an object.'],
    [
      'a condition operator without keys',
      when({ StringEquals: 'x' }),
      'A condition operator must be followed by an object.',
    ],
    ['a condition key without values', when({ StringNotEquals: { 'a:k': [] } }), 'A condition key must have a value.'],
    [
      'a condition value that is an object',
      when({ StringEquals: { 'a:k': {} } }),
      'A condition value must be a string, a number or a boolean.',
    ],
    [
      'an unknown operator',
      when({ StringResembles: { 'a:k': 'x' } }),
      'Policy contains an unknown condition operator: StringResembles',
    ],
    [
      'a number that is none',
      when({ NumericNotEquals: { 'a:k': 'x' } }),
      'Policy contains a value that NumericNotEquals cannot compare.',
    ],
    [
      'a network that is none',
      when({ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/64' } }),
      'Policy contains a value that NotIpAddress cannot compare.',
    ],
  ])('%s', (_, policy, message) => {
    expect(() => parseKeyPolicy(policy)).toThrow(new MalformedPolicyDocumentException(message))
  })

  it.each([
    'x',
    'arn:aws:iam::1:root',
    `arn:aws:iam::${account}:group/g`,
    `arn:aws:iam::${account}:user/*`,
    `arn:aws:iam::${account}:user/a*/b`,
    `arn:aws:iam::${account}:user/`,
    `arn:aws:iam:us-east-1:${account}:user/u`,
    `arn:aws:iam::${account}:root/x`,
    'arn:*:iam::*:root',
    `arn:aws:sts::${account}:assumed-role/r`,
    `arn:aws:sts::${account}:assumed-role/path/r/s`,
    `arn:aws:sts::${account}:role/r/s`,
    `arn:aws:kms:us-east-1:${account}:key/k`,
    'AIDAALICEALICEALICE22:session',
    'AGPAGROUPGROUPGROUP22',
    '12345678901',
    `${account} `,
    'arn:',
  ])('the principal %j', (principal) => {
    expect(() => parseKeyPolicy(named({ AWS: principal }))).toThrow(
      new MalformedPolicyDocumentException(invalidPrincipal),
    )
  })

  it.each([
    [{ Federated: 'cognito-identity.amazonaws.com' }],
    [{ CanonicalUser: 'ab'.repeat(32) }],
    [{ Service: 'nobody.amazonaws.com' }],
    [{ Service: '*' }],
    [{ Service: 's3.example.com' }],
    [{ aws: '*' }],
    [['*']],
    ['x'],
  ])('a Principal of no known type: %j', (principal) => {
    expect(() => parseKeyPolicy(named(principal))).toThrow(new MalformedPolicyDocumentException(invalidPrincipal))
  })

  it.each(['kms:EncryptionContext:app', 'KMS:encryptioncontext:App', 'aws:RequestTag/team'])(
    'ForAllValues on %s',
    (key) => {
      expect(() => parseKeyPolicy(when({ 'ForAllValues:StringEquals': { [key]: 'x' } }))).toThrow(
        new MalformedPolicyDocumentException(
          `OverlyPermissiveCondition: ForAllValues with the single-valued condition key ${key.toLowerCase()} also matches ` +
            'requests that do not contain the key. Remove ForAllValues.',
        ),
      )
    },
  )

  it('a document of more than 32 KB, counted in bytes', () => {
    const fits = text().replace('2012-10-17', `2012-10-17","Id":"${'x'.repeat(maxPolicyBytes - text().length - 8)}`)
    expect(Buffer.byteLength(fits)).toBe(maxPolicyBytes)
    expect(parseKeyPolicy(fits).statements).toHaveLength(1)
    expect(() => parseKeyPolicy(fits.replace('x', 'ü'))).toThrow(
      new LimitExceededException('The policy is larger than 32768 bytes.'),
    )
  })

  it('a principal that does not exist', () => {
    const exists = ({ text: arn }: { text: string }) => arn !== role
    expect(() => parseKeyPolicy(named({ AWS: [account, role] }), { exists })).toThrow(
      new MalformedPolicyDocumentException(invalidPrincipal),
    )
    expect(principalsIn(parseKeyPolicy(named({ AWS: account }), { exists })).map(({ kind }) => kind)).toEqual([
      'ACCOUNT',
    ])
  })
})

describe('parseKeyPolicy accepts', () => {
  it.each([
    ['*', 'ANYONE'],
    [{ AWS: '*' }, 'ANYONE'],
    [{ AWS: account }, 'ACCOUNT'],
    [{ AWS: `arn:aws-us-gov:iam::${account}:root` }, 'ACCOUNT'],
    [{ AWS: `arn:aws:iam::${account}:user/a/b/u.s+e=r,@-_` }, 'USER'],
    [{ AWS: role }, 'ROLE'],
    [{ AWS: `arn:aws:sts::${account}:assumed-role/r/s` }, 'SESSION'],
    [{ AWS: `arn:aws:sts::${account}:federated-user/f` }, 'SESSION'],
    [{ AWS: 'AIDAALICEALICEALICE22' }, 'USER'],
    [{ AWS: 'AROADEPLOYERDEPLOY222' }, 'ROLE'],
    [{ Service: 'logs.us-east-1.amazonaws.com' }, 'SERVICE'],
    [{ Service: 'delivery.logs.amazonaws.com' }, 'SERVICE'],
    [{ Service: 's3.amazonaws.com.cn' }, 'SERVICE'],
  ])('the principal %j', (principal, kind) => {
    expect(principalsIn(parseKeyPolicy(named(principal))).map((each) => each.kind)).toEqual([kind])
  })

  it('one statement in place of a list, and the older version where none is given', () => {
    const document = parseKeyPolicy(JSON.stringify({ Statement: statement }))
    expect(document.version).toBe('2008-10-17')
    expect(document.statements).toHaveLength(1)
  })

  it('an action of another vendor, a Sid with blanks, and values that are not strings', () => {
    const document = parseKeyPolicy(
      text({
        Sid: 'Allow it all',
        Action: 's3:*',
        Condition: { Bool: { 'a:k': true }, NumericEquals: { 'a:l': [1, '2'] } },
      }),
    )
    expect(document.statements[0]).toMatchObject({
      sid: 'Allow it all',
      conditions: [{ values: ['true'] }, { values: ['1', '2'] }],
    })
  })

  it('a member name that also stands in a text or in another object', () => {
    const json =
      '{"Id":"\\"Id\\":","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"Bool":"true"}}}]}'
    expect(parseKeyPolicy(json).id).toBe('"Id":')
  })
})

describe('a stored policy', () => {
  it('that cannot be read is undefined', () => {
    expect(parseStoredPolicy('{')).toBeUndefined()
    expect(parseStoredPolicy(without('Principal'))).toBeUndefined()
    expect(parseStoredPolicy(' '.repeat(maxPolicyBytes) + text())).toBeUndefined()
  })

  it('keeps an operator that nobody knows, for the decision to be careful with', () => {
    expect(
      parseStoredPolicy(when({ StringResembles: { 'a:k': 'x' } }))?.statements[0]?.conditions[0],
    ).not.toHaveProperty('operator')
  })

  it('of an identity has no Principal', () => {
    expect(parseStoredIdentityPolicy(text())).toBeUndefined()
    expect(parseStoredIdentityPolicy(without('Principal'))?.statements).toHaveLength(1)
  })
})

describe('the default key policy', () => {
  const policy = defaultKeyPolicy({ partition: 'aws', account })

  it('is printed as AWS prints it', () => {
    expect(
      policy.startsWith(
        '{\n  "Version" : "2012-10-17",\n  "Id" : "key-default-1",\n  "Statement" : [ {\n    "Sid" : "Enable IAM User Permissions",\n',
      ),
    ).toBe(true)
    expect(JSON.parse(policy)).toEqual({
      Version: '2012-10-17',
      Id: 'key-default-1',
      Statement: [{ Sid: 'Enable IAM User Permissions', ...statement }],
    })
  })

  it('lets in root and says by which statement', () => {
    const request = {
      ...requestOf({ name: 'root', caller: 'root' }),
      resource: { arn: keyArn, account, keyPolicy: parseKeyPolicy(policy) },
    }
    expect(decide(request)).toEqual({
      allowed: true,
      by: { source: 'key-policy', policy: 'default', statement: 'Enable IAM User Permissions' },
    })
  })
})

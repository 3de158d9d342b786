import { describe, expect, it } from 'vitest'
import { MalformedPolicyDocument } from '../../../lib/errors.ts'
import { parseIdentityPolicy, parseTrustPolicy } from '../../../lib/policy/policies.ts'

type Json = Readonly<Record<string, unknown>>

const account = '111122223333'
const document = (statement: Json, change: Json = {}) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statement, ...change })

const syntax = 'Syntax errors in policy.'
const vendor = 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'

describe('parseIdentityPolicy', () => {
  const allow: Json = { Effect: 'Allow', Action: 'kms:Decrypt', Resource: '*' }
  const text = (change: Json = {}) => document({ ...allow, ...change })

  it.each([
    ['what IAM calls the least', text()],
    ['everything', text({ Action: '*' })],
    [
      'NotAction and NotResource',
      document({ Effect: 'Deny', NotAction: ['iam:*', 'sts:*'], NotResource: ['arn:aws:s3'] }),
    ],
    [
      'an Id, a Sid and a condition',
      document({ ...allow, Sid: 'A1', Condition: { Bool: { 'aws:SecureTransport': true } } }, { Id: 'x' }),
    ],
    ['a condition key with two colons', text({ Condition: { StringEquals: { 'kms:EncryptionContext:app': 'x' } } })],
    [
      'ForAllValues on an encryption context, which only KMS refuses',
      text({ Condition: { 'ForAllValues:StringEquals': { 'kms:EncryptionContext:app': 'x' } } }),
    ],
  ])('takes %s', (_, policy) => {
    expect(parseIdentityPolicy(policy).statements).toHaveLength(1)
  })

  // IAM's words: kms-authz.md §6.4, last paragraph.
  it.each([
    ['what is not JSON', '{', syntax],
    ['a text that is larger than any policy', ' '.repeat(40_000), syntax],
    ['a member named twice', text().replace('"Effect"', '"Effect":"Deny","Effect"'), syntax],
    ['no statement', document([] as unknown as Json), syntax],
    ['a statement that is none', document([1] as unknown as Json), syntax],
    ['no Effect', document({ Action: '*', Resource: '*' }), syntax],
    ['an Effect in other case', text({ Effect: 'allow' }), syntax],
    ['Action and NotAction', text({ NotAction: '*' }), syntax],
    ['an unknown field', text({ Actions: '*' }), syntax],
    ['a future version', document(allow, { Version: '2032-10-17' }), syntax],
    ['an unknown operator', text({ Condition: { StringResembles: { 'a:k': 'x' } } }), syntax],
    [
      'the older version',
      document(allow, { Version: '2008-10-17' }),
      'Policy document must be version 2012-10-17 or greater.',
    ],
    ['no version', JSON.stringify({ Statement: allow }), 'Policy document must be version 2012-10-17 or greater.'],
    ['a Principal', text({ Principal: '*' }), 'Policy document should not specify a principal.'],
    ['no Action', document({ Effect: 'Allow', Resource: '*' }), 'Policy statement must contain actions.'],
    ['an empty Action', text({ Action: [] }), 'Policy statement must contain actions.'],
    ['no Resource', document({ Effect: 'Allow', Action: '*' }), 'Policy statement must contain resources.'],
    ['an action without a vendor', text({ Action: 'Decrypt' }), vendor],
    ['an action with an empty vendor', text({ Action: ':Decrypt' }), vendor],
    ['an action that is a vendor alone', text({ Action: 'kms:' }), vendor],
    ['a condition key without a vendor', text({ Condition: { Bool: { SecureTransport: true } } }), vendor],
    ['an action with two colons', text({ Action: 'kms:a:b' }), 'Actions/Condition can contain only one colon.'],
    ["a wildcard in an action's vendor", text({ Action: 'k*:Decrypt' }), 'Vendor k* is not valid'],
    ['a resource that is no ARN', text({ Resource: 'key/1' }), 'Resource key/1 must be in ARN format or "*".'],
    [
      'a date that is none',
      text({ Condition: { DateLessThan: { 'aws:CurrentTime': 'soon' } } }),
      'The policy failed legacy parsing',
    ],
    [
      'a Sid twice',
      document([
        { ...allow, Sid: 'a' },
        { ...allow, Sid: 'a' },
      ] as unknown as Json),
      'Statement IDs (SID) in a single policy must be unique.',
    ],
    [
      'a Sid with blanks',
      text({ Sid: 'a b' }),
      'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
    ],
  ])('refuses %s', (_, policy, message) => {
    expect(() => parseIdentityPolicy(policy)).toThrow(new MalformedPolicyDocument(message))
  })
})

describe('parseTrustPolicy', () => {
  const provider = `arn:aws:iam::${account}:oidc-provider/token.example.com/org`
  const allow: Json = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'sts:AssumeRole' }
  const text = (change: Json = {}) => document({ ...allow, ...change })

  it.each([
    ['an account', text()],
    ['the older version', document(allow, { Version: '2008-10-17' })],
    ['a service', text({ Principal: { Service: 'lambda.amazonaws.com' } })],
    [
      'an OIDC provider',
      text({
        Principal: { Federated: provider },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { 'token.example.com/org:aud': 'x' } },
      }),
    ],
    ['several actions', text({ Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'] })],
  ])('takes %s', (_, policy) => {
    expect(parseTrustPolicy(policy).statements).toHaveLength(1)
  })

  it.each([
    ['what is not JSON', 'x', 'This policy contains invalid Json'],
    ['a Resource', text({ Resource: '*' }), 'Has prohibited field Resource'],
    ['a NotResource', text({ NotResource: '*' }), 'Has prohibited field NotResource'],
    [
      'a NotPrincipal',
      document({ Effect: 'Deny', NotPrincipal: '*', Action: 'sts:AssumeRole' }),
      'Has prohibited field NotPrincipal',
    ],
    ['no Principal', document({ Effect: 'Allow', Action: 'sts:AssumeRole' }), 'Missing required field Principal'],
    [
      'a group',
      text({ Principal: { AWS: `arn:aws:iam::${account}:group/g` } }),
      `Invalid principal in policy: "AWS":"arn:aws:iam::${account}:group/g"`,
    ],
    [
      'a SAML provider',
      text({ Principal: { Federated: `arn:aws:iam::${account}:saml-provider/s` } }),
      `Invalid principal in policy: "Federated":"arn:aws:iam::${account}:saml-provider/s"`,
    ],
    [
      'a canonical user',
      text({ Principal: { CanonicalUser: 'x' } }),
      'Invalid principal in policy: "CanonicalUser":"x"',
    ],
    [
      'actions of others',
      text({ Action: ['sts:AssumeRole', 'kms:Decrypt'] }),
      'AssumeRole policy may only specify STS AssumeRole actions.',
    ],
    ['every action', text({ Action: '*' }), 'AssumeRole policy may only specify STS AssumeRole actions.'],
    ['an unknown field', text({ Role: 'x' }), syntax],
  ])('refuses %s', (_, policy, message) => {
    expect(() => parseTrustPolicy(policy)).toThrow(new MalformedPolicyDocument(message))
  })

  it('refuses a principal that does not exist, and asks of every one that could', () => {
    const asked: string[] = []
    const exists = ({ text: principal }: { text: string }) => {
      asked.push(principal)
      return principal !== provider
    }
    const Principal = { AWS: ['*', account], Service: 'lambda.amazonaws.com', Federated: provider }
    expect(() => parseTrustPolicy(text({ Principal }), { exists })).toThrow(
      new MalformedPolicyDocument(`Invalid principal in policy: "Federated":"${provider}"`),
    )
    expect(asked).toEqual([account, provider])
  })
})

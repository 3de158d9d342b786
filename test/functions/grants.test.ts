import { beforeEach, describe, expect, test } from 'vitest'
import type { PolicyCaller } from '../../lib/policy/principals.ts'
import type { Credentials } from '../harness/sign.ts'
import { account, base64, root, TestWorld } from '../harness/world.ts'

const user = (name: string, id: string, of = account): PolicyCaller => ({
  type: 'User',
  account: of,
  arn: `arn:aws:iam::${of}:user/${name}`,
  principalId: id,
  userName: name,
})
const alice = user('alice', 'AIDAALICEALICEALICE22')
const bob = user('bob', 'AIDABOBBOBBOBBOBBOB22')

let world: TestWorld
let key: { KeyId: string; Arn: string }
let asAlice: Credentials
let asBob: Credentials
beforeEach(async () => {
  world = await TestWorld.start()
  key = await world.key()
  asAlice = await world.addCaller(alice)
  asBob = await world.addCaller(bob)
})

const create = (given: object = {}, by: Credentials = root) =>
  world.call(
    'CreateGrant',
    { KeyId: key.KeyId, GranteePrincipal: alice.arn, Operations: ['Encrypt', 'DescribeKey'], ...given },
    by,
  )
const encrypt = (by: Credentials, given: object = {}) =>
  world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('x'), ...given }, by)
const list = async (given: object = {}) => (await world.call('ListGrants', { KeyId: key.KeyId, ...given })).json
const refused = ({ status, json }: { status: number; json: { __type: string; message?: string } }) => [
  status,
  json.__type,
  json.message,
]
const denial = (who: string, action: string) => [
  400,
  'AccessDeniedException',
  `User: ${who} is not authorized to perform: ${action} on resource: ${key.Arn} because no identity-based policy allows the ${action} action`,
]

describe('a grant', () => {
  test('lets its grantee do what it names and nothing else, and nobody else anything', async () => {
    expect(refused(await encrypt(asAlice))).toEqual(denial(alice.arn, 'kms:Encrypt'))
    const { json } = await create()
    expect(json).toEqual({ GrantId: expect.stringMatching(/^[0-9a-f]{64}$/), GrantToken: expect.any(String) })
    expect((await encrypt(asAlice)).status).toBe(200)
    expect(refused(await encrypt(asBob))).toEqual(denial(bob.arn, 'kms:Encrypt'))
    const made = (await encrypt(asAlice)).json.CiphertextBlob
    const opened = await world.call('Decrypt', { KeyId: key.KeyId, CiphertextBlob: made }, asAlice)
    expect(refused(opened)).toEqual(denial(alice.arn, 'kms:Decrypt'))
  })

  test('is listed as it was made', async () => {
    const { GrantId } = (
      await create({
        Name: 'orders',
        RetiringPrincipal: bob.arn,
        Constraints: { EncryptionContextEquals: { a: '1', constructor: '2' } },
      })
    ).json
    const { Grants, Truncated } = await list()
    expect(Truncated).toBe(false)
    expect(Grants).toEqual([
      {
        KeyId: key.Arn,
        GrantId,
        Name: 'orders',
        CreationDate: Math.floor(world.nowMs / 1000),
        GranteePrincipal: alice.arn,
        RetiringPrincipal: bob.arn,
        IssuingAccount: `arn:aws:iam::${account}:root`,
        Operations: ['Encrypt', 'DescribeKey'],
        Constraints: { EncryptionContextEquals: { a: '1', constructor: '2' } },
      },
    ])
  })

  test('ends at once when it is revoked', async () => {
    const { GrantId } = (await create()).json
    expect((await encrypt(asAlice)).status).toBe(200)
    expect((await world.call('RevokeGrant', { KeyId: key.KeyId, GrantId })).json).toEqual({})
    expect(refused(await encrypt(asAlice))).toEqual(denial(alice.arn, 'kms:Encrypt'))
    expect((await list()).Grants).toEqual([])
    expect(refused(await world.call('RevokeGrant', { KeyId: key.KeyId, GrantId }))).toEqual([
      400,
      'NotFoundException',
      `Grant '${GrantId}' does not exist`,
    ])
  })
})

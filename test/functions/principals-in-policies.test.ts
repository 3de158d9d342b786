/** Whom a key policy names, and that it never comes to speak of somebody else (kms-authz.md §2.4). */
import { beforeEach, describe, expect, test } from 'vitest'
import type { User } from '../../lib/identity/entities.ts'
import { addUser } from '../harness/identities.ts'
import type { Credentials } from '../harness/sign.ts'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
let user: User
let credentials: Credentials
beforeEach(async () => {
  world = await TestWorld.start()
  const added = await addUser(world, 'bob')
  user = added.user
  credentials = added.credentials
})

const root = `arn:aws:iam::${account}:root`
const naming = (AWS: unknown) => ({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: root }, Action: 'kms:*', Resource: '*' },
    {
      Effect: 'Allow',
      Principal: { AWS },
      Action: 'kms:Encrypt',
      Resource: '*',
      Condition: { ArnEquals: { 'aws:PrincipalArn': user.arn } },
    },
  ],
})
const keyFor = (AWS: unknown) => world.key({ Policy: JSON.stringify(naming(AWS)) })
const encrypt = async (KeyId: string, by: Credentials) =>
  (await world.call('Encrypt', { KeyId, Plaintext: base64('x') }, by)).status
const shown = async (KeyId: string) => (await world.call('GetKeyPolicy', { KeyId })).json.Policy

describe('a user whom a key policy names', () => {
  test.each(['arn', 'id'] as const)('by %s uses the key, without any policy of its own', async (by) => {
    const { KeyId } = await keyFor(user[by])
    expect(await encrypt(KeyId, credentials)).toBe(200)
    expect((await world.call('DescribeKey', { KeyId }, credentials)).json.__type).toBe('AccessDeniedException')
  })

  test('leaves nothing to another of its name, in whatever way the policy came', async () => {
    const { KeyId } = await keyFor([root, user.arn])
    const { KeyId: put } = await world.key()
    await world.call('PutKeyPolicy', { KeyId: put, Policy: JSON.stringify(naming(user.arn)) })
    expect(await encrypt(put, credentials)).toBe(200)
    await world.open.principals.users.remove(user)
    const { credentials: others } = await addUser(world, 'bob')
    for (const id of [KeyId, put]) expect(await encrypt(id, others)).toBe(400)
    await world.call('PutKeyPolicy', { KeyId, Policy: JSON.stringify(naming(user.arn)) })
    expect(await encrypt(KeyId, others)).toBe(200)
  })

  test('is shown as it was named while it is there, and by its unique id, as a principal only, once it is gone', async () => {
    const { KeyId } = await keyFor(user.arn)
    expect(await shown(KeyId)).toBe(JSON.stringify(naming(user.arn)))
    await world.open.principals.users.remove(user)
    await addUser(world, 'bob')
    expect(JSON.parse(await shown(KeyId))).toEqual(naming(user.id))
  })

  test('keeps the key under a new name, and is shown by it', async () => {
    const { KeyId } = await keyFor(user.arn)
    const rob = { ...user, name: 'rob', arn: user.arn.replace('bob', 'rob') }
    await world.open.principals.users.rename(rob, 'bob')
    expect(JSON.parse(await shown(KeyId)).Statement[1].Principal).toEqual({ AWS: rob.arn })
  })
})

test.each([
  ['a user that does not exist', `arn:aws:iam::${account}:user/eve`],
  ['a user by another path', `arn:aws:iam::${account}:user/team/bob`],
  ['a user in another case', `arn:aws:iam::${account}:user/Bob`],
  ['a role that does not exist', `arn:aws:iam::${account}:role/bob`],
  ['a session of a role that does not exist', `arn:aws:sts::${account}:assumed-role/bob/s`],
  ['a unique id that nobody has', 'AIDAQAAAAAAAAAAAAAAAA'],
])('a key policy that names %s is refused', async (_what, AWS) => {
  expect((await world.call('CreateKey', { Policy: JSON.stringify(naming(AWS)) })).json).toEqual({
    __type: 'MalformedPolicyDocumentException',
    message: 'Policy contains a statement with one or more invalid principals.',
  })
})

import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aliasArn, keyArn } from '../../lib/arn.ts'
import { type Grant, granteePrefix } from '../../lib/grants/grant.ts'
import type { AccessKey } from '../../lib/identity/caller.ts'
import type { Alias, Key, Material } from '../../lib/keys/key.ts'

export const place = { partition: 'aws', region: 'us-east-1', account: '111122223333' } as const
const createdAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

export function aKey(given: Partial<Key> = {}): Key {
  const id = given.id ?? randomUUID()
  return {
    id,
    arn: keyArn(place, id),
    account: place.account,
    revision: 1,
    createdAt,
    description: '',
    spec: 'SYMMETRIC_DEFAULT',
    usage: 'ENCRYPT_DECRYPT',
    origin: 'AWS_KMS',
    state: 'Enabled',
    policy: '{"Version":"2012-10-17","Statement":[]}',
    tags: {},
    ...given,
  }
}

const wrapped = () => ({
  rootId: 'root-1',
  blob: new Uint8Array(randomBytes(40)),
  binding: new Uint8Array(randomBytes(32)),
})

export const aMaterial = (keyId: string): Material => ({
  keyId,
  account: place.account,
  id: randomBytes(32).toString('hex'),
  protection: 'HSM',
  number: 1,
  spec: 'SYMMETRIC_DEFAULT',
  createdAt,
  wrapped: wrapped(),
})

/** Of somebody, on a key; ids of one grantee's grants on one key begin alike. */
export function aGrant(keyId: string, bound = 'AIDAEXAMPLE', given: Partial<Grant> = {}): Grant {
  return {
    id: `${granteePrefix(keyId, bound)}${randomBytes(16).toString('hex')}`,
    keyId,
    keyArn: keyArn(place, keyId),
    account: place.account,
    issuingAccount: place.account,
    createdAt,
    grantee: { text: `arn:aws:iam::${place.account}:user/of-${bound}`, bound },
    operations: ['Encrypt', 'Decrypt'],
    ...given,
  }
}

export const anAlias = (name: string, targetKeyId: string, given: Partial<Alias> = {}): Alias => ({
  name,
  arn: aliasArn(place, name),
  account: place.account,
  targetKeyId,
  createdAt,
  updatedAt: createdAt,
  revision: 1,
  ...given,
})

export const anAccessKey = (id: string): AccessKey => ({
  id,
  account: place.account,
  status: 'Active',
  principal: {
    type: 'Root',
    account: place.account,
    arn: `arn:aws:iam::${place.account}:root`,
    principalId: place.account,
  },
  createdAt,
  wrapped: wrapped(),
})

export async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'keystead-store-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** A directory that is gone, with all that is in it, when `use` is done. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const { path, remove } = await temporaryDirectory()
  try {
    return await use(path)
  } finally {
    await remove()
  }
}

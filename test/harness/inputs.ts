import { utf8 } from '../../lib/bytes.ts'
import { encapsulateTo } from '../../lib/crypto/encapsulation.ts'
import type { KeySpec, KeyUsage } from '../../lib/crypto/specs.ts'
import { newKey } from '../../lib/keys/creation.ts'
import type { Material } from '../../lib/keys/key.ts'
import { newMaterial, publicKeyOf } from '../../lib/keys/materials.ts'
import { defaultKeyPolicy } from '../../lib/policy/default-policy.ts'
import { addUser } from './identities.ts'
import { wrapFor } from './import.ts'
import { account, base64, region, type TestWorld } from './world.ts'
import { storeInput } from './xks-proxy.ts'

const place = { partition: 'aws', region, account }

/** What a valid input of each operation needs to be there. */
export interface Stage {
  readonly keyId: string
  readonly otherKeyId: string
  /** An alias of the first key. */
  readonly alias: string
  /** Base64: "plaintext" under the first key, with the context { team: 'red' }. */
  readonly ciphertext: string
  /** Keys of other kinds, and what they made of "plaintext", in base64. */
  /** External key stores: one connected, one not. */
  readonly connected: string
  readonly disconnected: string
  readonly signing: { readonly keyId: string; readonly signature: string }
  readonly macs: { readonly keyId: string; readonly versionId: string; readonly mac: string }
  readonly agreement: { readonly keyId: string; readonly publicKey: string }
  readonly encapsulation: { readonly keyId: string; readonly capsule: string }
  /** A primary key, with a replica in us-west-2. */
  readonly shared: { readonly keyId: string }
  /** A grant of the first key, to nobody who calls. */
  readonly grant: { readonly id: string; readonly token: string }
  /** A key with imported material, and what imports the same again. */
  readonly external: { readonly keyId: string; readonly token: string; readonly encrypted: string }
}

const importAlgorithm = { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' }

/** A key of origin EXTERNAL, with its material. */
async function external(world: TestWorld): Promise<Stage['external']> {
  const { KeyId } = await world.key({ Origin: 'EXTERNAL' })
  const { json } = await world.call('GetParametersForImport', { KeyId, ...importAlgorithm })
  const encrypted = wrapFor(json.PublicKey, importAlgorithm.WrappingAlgorithm, new Uint8Array(32))
  const staged = { keyId: KeyId, token: json.ImportToken, encrypted }
  await world.call('ImportKeyMaterial', importInput(staged))
  return staged
}

/** A multi-Region key with a replica. */
async function shared(world: TestWorld): Promise<Stage['shared']> {
  const { KeyId } = await world.key({ MultiRegion: true })
  await world.call('ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
  return { keyId: KeyId }
}

const importInput = ({ keyId, token, encrypted }: Stage['external']) => ({
  KeyId: keyId,
  ImportToken: token,
  EncryptedKeyMaterial: encrypted,
  ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
})

/** A key of any kind behind the API's back: the stage is set before every test. */
async function put(world: TestWorld, spec: KeySpec, usage: KeyUsage): Promise<Material> {
  const { open, hsm, nowMs: now } = world
  const key = newKey({
    id: open.uuid(),
    place,
    now,
    spec,
    usage,
    origin: 'AWS_KMS',
    description: '',
    tags: {},
    policy: defaultKeyPolicy(place),
  })
  const material = await newMaterial(hsm, key, 1, now)
  await open.keyStore.create({ ...key, currentMaterialId: material.id }, material)
  return material
}

export async function stage(world: TestWorld): Promise<Stage> {
  const keyId = (await world.key()).KeyId
  const otherKeyId = (await world.key()).KeyId
  const alias = 'alias/staged'
  await world.call('CreateAlias', { AliasName: alias, TargetKeyId: keyId })
  const encrypted = await world.call('Encrypt', {
    KeyId: keyId,
    Plaintext: base64('plaintext'),
    EncryptionContext: { team: 'red' },
  })
  const signer = await put(world, 'ECC_NIST_P256', 'SIGN_VERIFY')
  const hmac = await put(world, 'HMAC_256', 'GENERATE_VERIFY_MAC')
  const party = await put(world, 'ECC_NIST_P256', 'KEY_AGREEMENT')
  const receiver = await put(world, 'ML_KEM_512', 'ENCAPSULATE_DECAPSULATE')
  const message = utf8('plaintext')
  const connected = (await world.call('CreateCustomKeyStore', storeInput('connected'))).json.CustomKeyStoreId
  await world.call('ConnectCustomKeyStore', { CustomKeyStoreId: connected })
  const disconnected = (await world.call('CreateCustomKeyStore', storeInput('disconnected'))).json.CustomKeyStoreId
  await addUser(world, 'somebody')
  const granted = await world.call('CreateGrant', grantInput(keyId))
  return {
    keyId,
    otherKeyId,
    alias,
    ciphertext: encrypted.json.CiphertextBlob,
    connected,
    disconnected,
    signing: { keyId: signer.keyId, signature: base64(await world.hsm.sign(signer, 'ECDSA_SHA_256', 'RAW', message)) },
    macs: { keyId: hmac.keyId, versionId: hmac.id, mac: base64(await world.hsm.generateMac(hmac, message)) },
    agreement: { keyId: party.keyId, publicKey: base64(publicKeyOf(party)) },
    external: await external(world),
    shared: await shared(world),
    grant: { id: granted.json.GrantId, token: granted.json.GrantToken },
    encapsulation: {
      keyId: receiver.keyId,
      capsule: base64(encapsulateTo(publicKeyOf(receiver)).ciphertext),
    },
  }
}

const grantInput = (keyId: string) => ({
  KeyId: keyId,
  GranteePrincipal: `arn:aws:iam::${account}:user/somebody`,
  Operations: ['Encrypt', 'Decrypt'],
})

type Input = Readonly<Record<string, unknown>>

const policy = (account: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'root',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
  })

/** One valid input for each operation: members that the schema requires, and those that make the call whole. */
export const validInputs: Readonly<Record<string, (stage: Stage) => Input>> = {
  CancelKeyDeletion: ({ keyId }) => ({ KeyId: keyId }),
  ConnectCustomKeyStore: ({ disconnected }) => ({ CustomKeyStoreId: disconnected }),
  CreateAlias: ({ keyId }) => ({ AliasName: 'alias/new', TargetKeyId: keyId }),
  CreateCustomKeyStore: () => storeInput('new'),
  CreateGrant: ({ keyId }) => ({
    ...grantInput(keyId),
    Constraints: { EncryptionContextSubset: { team: 'red' } },
    Name: 'new',
  }),
  CreateKey: () => ({
    Description: 'new',
    Tags: [{ TagKey: 'team', TagValue: 'red' }],
    Policy: policy('000000000000'),
  }),
  CreateKeyVersion: ({ keyId }) => ({ KeyId: keyId, SetAsPrimary: true }),
  Decapsulate: ({ encapsulation }) => ({
    KeyId: encapsulation.keyId,
    SharedSecretCiphertextBlob: encapsulation.capsule,
    EncapsulationAlgorithm: 'ML_KEM',
  }),
  Decrypt: ({ ciphertext, keyId }) => ({
    KeyId: keyId,
    CiphertextBlob: ciphertext,
    EncryptionContext: { team: 'red' },
  }),
  DeleteAlias: ({ alias }) => ({ AliasName: alias }),
  DeleteCustomKeyStore: ({ disconnected }) => ({ CustomKeyStoreId: disconnected }),
  DeleteImportedKeyMaterial: ({ external }) => ({ KeyId: external.keyId }),
  DeriveSharedSecret: ({ agreement }) => ({
    KeyId: agreement.keyId,
    KeyAgreementAlgorithm: 'ECDH',
    PublicKey: agreement.publicKey,
  }),
  DescribeCustomKeyStores: ({ connected }) => ({ CustomKeyStoreId: connected }),
  DescribeKey: ({ keyId }) => ({ KeyId: keyId }),
  DisableKey: ({ keyId }) => ({ KeyId: keyId }),
  DisableKeyRotation: ({ keyId }) => ({ KeyId: keyId }),
  DisconnectCustomKeyStore: ({ connected }) => ({ CustomKeyStoreId: connected }),
  EnableKey: ({ keyId }) => ({ KeyId: keyId }),
  EnableKeyRotation: ({ keyId }) => ({ KeyId: keyId, RotationPeriodInDays: 90 }),
  Encapsulate: ({ encapsulation }) => ({ KeyId: encapsulation.keyId, EncapsulationAlgorithm: 'ML_KEM' }),
  Encrypt: ({ keyId }) => ({ KeyId: keyId, Plaintext: base64('plaintext'), EncryptionContext: { team: 'red' } }),
  GenerateDataKey: ({ keyId }) => ({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: { team: 'red' } }),
  GenerateDataKeyPair: ({ keyId }) => ({ KeyId: keyId, KeyPairSpec: 'ECC_NIST_P256' }),
  GenerateDataKeyPairWithoutPlaintext: ({ keyId }) => ({ KeyId: keyId, KeyPairSpec: 'ECC_NIST_P256' }),
  GenerateDataKeyWithoutPlaintext: ({ keyId }) => ({ KeyId: keyId, NumberOfBytes: 64 }),
  GenerateMac: ({ macs }) => ({ KeyId: macs.keyId, Message: base64('plaintext'), MacAlgorithm: 'HMAC_SHA_256' }),
  GenerateRandom: () => ({ NumberOfBytes: 32 }),
  GetKeyLastUsage: ({ keyId }) => ({ KeyId: keyId }),
  GetKeyPolicy: ({ keyId }) => ({ KeyId: keyId }),
  GetKeyRotationStatus: ({ keyId }) => ({ KeyId: keyId }),
  GetParametersForImport: ({ external }) => ({ KeyId: external.keyId, ...importAlgorithm }),
  GetPublicKey: ({ signing }) => ({ KeyId: signing.keyId }),
  ImportKeyMaterial: ({ external }) => importInput(external),
  ListAliases: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  ListGrants: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  ListKeyPolicies: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  ListKeyRotations: ({ keyId }) => ({ KeyId: keyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL', Limit: 10 }),
  ListKeyVersions: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  ListKeys: () => ({ Limit: 10 }),
  ListResourceTags: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  ListRetirableGrants: () => ({ RetiringPrincipal: `arn:aws:iam::${account}:root`, Limit: 10 }),
  LookupEvents: () => ({ MaxResults: 10 }),
  PutKeyPolicy: ({ keyId }) => ({ KeyId: keyId, Policy: policy('000000000000') }),
  ReEncrypt: ({ ciphertext, keyId, otherKeyId }) => ({
    CiphertextBlob: ciphertext,
    SourceKeyId: keyId,
    SourceEncryptionContext: { team: 'red' },
    DestinationKeyId: otherKeyId,
  }),
  ReplicateKey: ({ shared }) => ({ KeyId: shared.keyId, ReplicaRegion: 'eu-west-1', Description: 'there' }),
  RetireGrant: ({ grant }) => ({ GrantToken: grant.token }),
  RevokeGrant: ({ keyId, grant }) => ({ KeyId: keyId, GrantId: grant.id }),
  RotateKeyOnDemand: ({ keyId }) => ({ KeyId: keyId }),
  ScheduleKeyDeletion: ({ keyId }) => ({ KeyId: keyId, PendingWindowInDays: 7 }),
  Sign: ({ signing }) => ({
    KeyId: signing.keyId,
    Message: base64('plaintext'),
    SigningAlgorithm: 'ECDSA_SHA_256',
  }),
  TagResource: ({ keyId }) => ({ KeyId: keyId, Tags: [{ TagKey: 'team', TagValue: 'blue' }] }),
  UntagResource: ({ keyId }) => ({ KeyId: keyId, TagKeys: ['team'] }),
  UpdateAlias: ({ alias, otherKeyId }) => ({ AliasName: alias, TargetKeyId: otherKeyId }),
  UpdateCustomKeyStore: ({ connected }) => ({ CustomKeyStoreId: connected, NewCustomKeyStoreName: 'renamed' }),
  UpdateKeyDescription: ({ keyId }) => ({ KeyId: keyId, Description: 'described' }),
  UpdateKeyVersion: ({ macs }) => ({ KeyId: macs.keyId, KeyVersionId: macs.versionId, SetAsPrimary: true }),
  UpdatePrimaryRegion: ({ shared }) => ({ KeyId: shared.keyId, PrimaryRegion: 'us-west-2' }),
  Verify: ({ signing }) => ({
    KeyId: signing.keyId,
    Message: base64('plaintext'),
    Signature: signing.signature,
    SigningAlgorithm: 'ECDSA_SHA_256',
  }),
  VerifyMac: ({ macs }) => ({
    KeyId: macs.keyId,
    Message: base64('plaintext'),
    MacAlgorithm: 'HMAC_SHA_256',
    Mac: macs.mac,
  }),
}

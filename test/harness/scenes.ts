/** Where the examples of events/ play: their placeholders replaced by what is there, and made ready for the call. */
import { constants, publicEncrypt, randomBytes, randomUUID } from 'node:crypto'
import { proxyCredential, storeInput } from './xks-proxy.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member
export type Call = (action: string, input: object) => Promise<any>
type Members = Readonly<Record<string, unknown>>

/** What the key of an example has to be, where it is not a symmetric one. */
const kinds: Readonly<Record<string, Members>> = {
  Decapsulate: { KeySpec: 'ML_KEM_768', KeyUsage: 'ENCAPSULATE_DECAPSULATE' },
  DeleteImportedKeyMaterial: { Origin: 'EXTERNAL' },
  DeriveSharedSecret: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' },
  Encapsulate: { KeySpec: 'ML_KEM_768', KeyUsage: 'ENCAPSULATE_DECAPSULATE' },
  GenerateMac: { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' },
  GetParametersForImport: { Origin: 'EXTERNAL' },
  GetPublicKey: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  ImportKeyMaterial: { Origin: 'EXTERNAL' },
  ReplicateKey: { MultiRegion: true },
  Sign: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  UpdateKeyVersion: { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' },
  UpdatePrimaryRegion: { MultiRegion: true },
  Verify: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  VerifyMac: { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' },
}

interface Scene {
  readonly call: Call
  readonly KeyId: string
  readonly request: Members
}

async function encrypted({ call, KeyId }: Scene, EncryptionContext: unknown): Promise<Members> {
  const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext: 'SGVsbG8sIEhTTS4=', EncryptionContext })
  return { CiphertextBlob }
}

async function importing({ call, KeyId }: Scene): Promise<Members> {
  const { ImportToken, PublicKey } = await call('GetParametersForImport', {
    KeyId,
    WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
    WrappingKeySpec: 'RSA_2048',
  })
  const key = `-----BEGIN PUBLIC KEY-----\n${PublicKey}\n-----END PUBLIC KEY-----\n`
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const wrapped = publicEncrypt({ key, ...padding }, randomBytes(32))
  return { ImportToken, EncryptedKeyMaterial: wrapped.toString('base64') }
}

/** An external key store under a name of its own. */
async function keyStore({ call }: Scene): Promise<Members> {
  const { CustomKeyStoreId } = await call('CreateCustomKeyStore', storeInput(`store-${randomUUID()}`))
  return { CustomKeyStoreId }
}

async function connectedKeyStore(scene: Scene): Promise<Members> {
  const store = await keyStore(scene)
  await scene.call('ConnectCustomKeyStore', store)
  return store
}

/** A grant like the example's. */
async function granted({ call, KeyId }: Scene): Promise<string> {
  const { Arn } = (await call('DescribeKey', { KeyId })).KeyMetadata
  const account = String(Arn).split(':')[4]
  const { GrantId } = await call('CreateGrant', {
    KeyId,
    GranteePrincipal: `arn:aws:iam::${account}:root`,
    RetiringPrincipal: `arn:aws:iam::${account}:root`,
    Operations: ['Decrypt', 'GenerateDataKey'],
    Constraints: { EncryptionContextSubset: { Department: 'IT' } },
    Name: 'orders',
  })
  return GrantId
}

const listingGrants = async (scene: Scene): Promise<Members> => {
  await granted(scene)
  return {}
}

const endingGrant = async (scene: Scene): Promise<Members> => ({ GrantId: await granted(scene) })

const after =
  (action: string, more: Members = {}) =>
  async ({ call, KeyId }: Scene): Promise<Members> => {
    await call(action, { KeyId, ...more })
    return {}
  }

/** What must have happened before, and the members that came of it. */
const scenes: Readonly<Record<string, (scene: Scene) => Promise<Members>>> = {
  CancelKeyDeletion: after('ScheduleKeyDeletion', { PendingWindowInDays: 7 }),
  ConnectCustomKeyStore: keyStore,
  CreateCustomKeyStore: async () => ({
    XksProxyUriPath: storeInput('').XksProxyUriPath,
    XksProxyAuthenticationCredential: proxyCredential,
  }),
  Decapsulate: async ({ call, KeyId }) => {
    const { SharedSecretCiphertextBlob } = await call('Encapsulate', { KeyId, EncapsulationAlgorithm: 'ML_KEM' })
    return { SharedSecretCiphertextBlob }
  },
  Decrypt: (scene) => encrypted(scene, scene.request.EncryptionContext),
  DeleteCustomKeyStore: keyStore,
  DeleteImportedKeyMaterial: async (scene) => {
    const { call, KeyId } = scene
    const ExpirationModel = 'KEY_MATERIAL_DOES_NOT_EXPIRE'
    const imported = await call('ImportKeyMaterial', { KeyId, ExpirationModel, ...(await importing(scene)) })
    return scene.request.KeyMaterialId === undefined ? {} : { KeyMaterialId: imported.KeyMaterialId }
  },
  DescribeCustomKeyStores: connectedKeyStore,
  DisableKeyRotation: after('EnableKeyRotation'),
  DisconnectCustomKeyStore: connectedKeyStore,
  EnableKey: after('DisableKey'),
  GetKeyLastUsage: after('Encrypt', { Plaintext: 'SGVsbG8sIEhTTS4=' }),
  GetKeyRotationStatus: after('EnableKeyRotation', { RotationPeriodInDays: 180 }),
  ImportKeyMaterial: importing,
  ListGrants: listingGrants,
  ListKeyRotations: after('RotateKeyOnDemand'),
  ListKeyVersions: after('CreateKeyVersion'),
  ListResourceTags: after('TagResource', { Tags: [{ TagKey: 'CostCenter', TagValue: '87654' }] }),
  ListRetirableGrants: listingGrants,
  // Of this scene's event alone: others may have failed at the same.
  LookupEvents: async ({ call, KeyId, request }) => {
    await call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    const { Events } = await call('LookupEvents', { ...request, MaxResults: 1 })
    return { LookupAttributes: [{ AttributeKey: 'EventId', AttributeValue: Events[0].EventId }] }
  },
  ReEncrypt: (scene) => encrypted(scene, scene.request.SourceEncryptionContext),
  RetireGrant: endingGrant,
  RevokeGrant: endingGrant,
  UpdateCustomKeyStore: keyStore,
  UpdateKeyVersion: async ({ call, KeyId }) => {
    await call('CreateKeyVersion', { KeyId })
    const { KeyVersions } = await call('ListKeyVersions', { KeyId })
    return { KeyVersionId: KeyVersions[0].KeyVersionId }
  },
  UpdatePrimaryRegion: after('ReplicateKey', { ReplicaRegion: 'us-west-2' }),
  Verify: async ({ call, KeyId, request: { Message, SigningAlgorithm } }) => {
    const { Signature } = await call('Sign', { KeyId, Message, SigningAlgorithm })
    return { Signature }
  },
  VerifyMac: async ({ call, KeyId, request: { Message, MacAlgorithm } }) => {
    const { Mac } = await call('GenerateMac', { KeyId, Message, MacAlgorithm })
    return { Mac }
  },
}

/** Makes what an example asks for. @returns its request, with members that exist */
export async function setScene(name: string, example: Members, call: Call): Promise<Members> {
  const { KeyId, AWSAccountId } = (await call('CreateKey', kinds[name] ?? {})).KeyMetadata
  const other = (await call('CreateKey', {})).KeyMetadata.KeyId
  const alias = `alias/Example/${randomUUID()}`
  if (name !== 'CreateAlias') await call('CreateAlias', { AliasName: alias, TargetKeyId: KeyId })
  const text = JSON.stringify(example)
    .replaceAll('111122223333', AWSAccountId)
    .replaceAll('1234abcd-12ab-34cd-56ef-1234567890ab', KeyId)
    .replaceAll('0987dcba-09fe-87dc-65ba-ab0987654321', other)
    .replaceAll('alias/ExampleAlias', alias)
  const request = JSON.parse(text) as Members
  return { ...request, ...(await scenes[name]?.({ call, KeyId, request })) }
}

/** What a value is made of: names and types, and each kind of element once. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const kinds = new Map(value.map(shapeOf).map((shape) => [JSON.stringify(shape), shape]))
    return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, shape]) => shape)
  }
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, shapeOf(member)]),
  )
}

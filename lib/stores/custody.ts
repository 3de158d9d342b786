/** Keys in custom key stores: how they are made, what state they are in, and what they encrypt with. */
import { createHash } from 'node:crypto'
import { hex, lengthPrefixed, utf8 } from '../bytes.ts'
import { parseCiphertext } from '../crypto/ciphertext.ts'
import type { KeyOrigin } from '../crypto/specs.ts'
import {
  InvalidCiphertextException,
  KMSInternalException,
  KMSInvalidStateException,
  ValidationException,
  XksKeyAlreadyInUseException,
  XksKeyInvalidConfigurationException,
} from '../errors.ts'
import type { Key, Material } from '../keys/key.ts'
import type { Standing } from '../keys/metadata.ts'
import type { Hsm, Keys } from '../ports.ts'
import { boundTo, parseSealed, sealedBlob } from './envelope.ts'
import { whileCreatingKey, whileUsingKey } from './failures.ts'
import { demandState, hsmOfStore, storeIn } from './finding.ts'
import type { Clusters, ExternalKey, KeyStores, ProxyCall, Xks } from './ports.ts'

interface CreationInput {
  readonly Origin: KeyOrigin
  readonly CustomKeyStoreId?: string | undefined
  readonly XksKeyId?: string | undefined
}

interface CustodyPorts {
  readonly hsm: Hsm
  readonly keyStore: Keys
  readonly keyStores: KeyStores
  readonly clusters: Clusters
  readonly xks: Xks
}

interface Custody {
  readonly id: string
  /** Where the key is kept, when that is not here. */
  readonly keyStore?: NonNullable<Key['keyStore']>
  /** Makes its material. */
  readonly hsm: Hsm
  /** Of the store, where that is a cluster. */
  readonly clusterId?: string | undefined
}

/**
 * Where the input wants its key: its store is connected, and an external key is fit and free.
 * @param newId of a key that is not external
 * @throws CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException, XksKey… exceptions
 */
export async function custodyOf(
  input: CreationInput,
  account: string,
  newId: () => string,
  ports: CustodyPorts,
  call: ProxyCall,
): Promise<Custody> {
  const { CustomKeyStoreId: storeId, XksKeyId: externalKeyId } = input
  const { hsm } = ports
  if (storeId === undefined) return { id: newId(), hsm }
  const store = storeIn(await ports.keyStores.of(account, { fresh: true }), storeId)
  const { proxy } = store
  if ((proxy !== undefined) !== (input.Origin === 'EXTERNAL_KEY_STORE')) {
    throw new ValidationException(`Origin ${input.Origin} is not valid for custom key store ${storeId}.`)
  }
  demandState(store, ['CONNECTED'])
  if (!proxy) {
    const there = await hsmOfStore(store, ports.clusters)
    return { id: newId(), keyStore: { id: storeId }, hsm: there, clusterId: store.cluster?.id }
  }
  // INVARIANT: the members of a key in an external key store are together.
  if (externalKeyId === undefined) throw new KMSInternalException()
  const id = keyIdOf(account, storeId, externalKeyId)
  if (await ports.keyStore.find(id, { fresh: true })) {
    throw new XksKeyAlreadyInUseException(`The external key ${externalKeyId} is in use by another KMS key.`)
  }
  demandFit(await whileCreatingKey(ports.xks.describeKey(proxy, externalKeyId, call)))
  return { id, keyStore: { id: storeId, externalKeyId }, hsm }
}

/**
 * An external key is of one KMS key only, and a key is created by one conditional write: so the KMS key's id is made of
 * the external key's, and two who create it at once write the same item.
 */
function keyIdOf(account: string, storeId: string, externalKeyId: string): string {
  const hash = createHash('sha256')
  for (const part of ['keystead-xks-key-1', account, storeId, externalKeyId]) hash.update(lengthPrefixed(utf8(part)))
  const digits = hex(hash.digest())
  return digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')
}

/** kms-api.md §9, CreateKey metadata checks. */
function demandFit({ spec, status, usages }: ExternalKey): void {
  const fits: [boolean, string][] = [
    [
      spec === 'AES_256',
      `The key spec of the external key must be AES_256. The key spec of specified external key is ${spec}.`,
    ],
    [
      status === 'ENABLED',
      `The status of the external key must be ENABLED. The status of specified external key is ${status}.`,
    ],
    [
      usages.includes('ENCRYPT') && usages.includes('DECRYPT'),
      `The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external key is ${usages.join(', ')}.`,
    ],
  ]
  const [, refusal] = fits.find(([fit]) => !fit) ?? []
  if (refusal !== undefined) throw new XksKeyInvalidConfigurationException(refusal)
}

/** What CloudTrail adds about a key in a custom key store. */
export const custodyNote = ({ id, externalKeyId }: NonNullable<Key['keyStore']>): Readonly<Record<string, string>> => ({
  customKeyStoreId: id,
  ...(externalKeyId !== undefined && { xksKeyId: externalKeyId }),
})

/** How a key stands: Unavailable while its custom key store is not connected; in which cluster, if it is in one. */
export async function standingOf(key: Key, keyStores: KeyStores): Promise<Standing> {
  if (!key.keyStore) return { state: key.state }
  const { stores } = await keyStores.of(key.account)
  const store = stores.find(({ id }) => id === key.keyStore?.id)
  const changes = store?.state !== 'CONNECTED' && (key.state === 'Enabled' || key.state === 'Disabled')
  return { state: changes ? 'Unavailable' : key.state, clusterId: store?.cluster?.id }
}

const notSound =
  'The ciphertext that the external key store proxy submitted for decryption, or the encryption context, is corrupted, missing, or otherwise invalid.'

/**
 * The HSM as a request sees it that uses these keys. A key in a CloudHSM cluster is used there, and what is random for
 * it comes from there. What is encrypted under a key of an external key store is encrypted again by the external key,
 * so that neither opens it alone. Everything else is the HSM's own.
 */
export function throughKeyStores(
  hsm: Hsm,
  keys: readonly Key[],
  { keyStores, clusters, xks }: { readonly keyStores: KeyStores; readonly clusters: Clusters; readonly xks: Xks },
  call: ProxyCall,
): Hsm {
  const inStores = keys.filter(({ keyStore }) => keyStore)
  if (inStores.length === 0) return hsm
  const unavailable = ({ arn }: Key) => new KMSInvalidStateException(`${arn} is unavailable.`)

  async function placeOf(key: Key | undefined) {
    if (!key?.keyStore) return { hsm }
    const { id: storeId, externalKeyId } = key.keyStore
    const { stores } = await keyStores.of(key.account)
    const { proxy, cluster } = stores.find(({ id }) => id === storeId) ?? {}
    if (externalKeyId === undefined) {
      const there = cluster && (await clusters.hsmOf(cluster.id))
      if (!there) throw unavailable(key)
      return { hsm: there }
    }
    if (!proxy) throw unavailable(key)
    return { hsm, external: { proxy, externalKeyId, arn: key.arn, call: { ...call, keyArn: key.arn } } }
  }
  const placeOfMaterial = ({ keyId }: Material) => placeOf(inStores.find(({ id }) => id === keyId))

  const encrypt: Hsm['encrypt'] = async (material, plaintext, context) => {
    const place = await placeOfMaterial(material)
    const inner = await place.hsm.encrypt(material, plaintext, context)
    if (!place.external) return inner
    const { proxy, externalKeyId, arn, call: about } = place.external
    const sealed = await whileUsingKey(xks.encrypt(proxy, externalKeyId, inner, boundTo(arn, context), about))
    return sealedBlob(material.keyId, material.id, sealed)
  }

  const decrypt: Hsm['decrypt'] = async (material, ciphertext, context) => {
    const place = await placeOfMaterial(material)
    if (!place.external) return place.hsm.decrypt(material, ciphertext, context)
    const { proxy, externalKeyId, arn, call: about } = place.external
    const sealed = parseSealed(ciphertext.body)
    if (!sealed) throw new InvalidCiphertextException()
    const opened = await whileUsingKey(xks.decrypt(proxy, externalKeyId, sealed, boundTo(arn, context), about))
    try {
      const inner = parseCiphertext(opened)
      if (inner.external || inner.keyId !== material.keyId || inner.materialId !== material.id) {
        throw new InvalidCiphertextException()
      }
      return await place.hsm.decrypt(material, inner, context)
    } catch (error) {
      if (!(error instanceof InvalidCiphertextException)) throw error
      throw new KMSInvalidStateException(notSound, { cause: error })
    }
  }

  const random: Hsm['random'] = async (length) => (await placeOf(inStores[0])).hsm.random(length)

  const own: Partial<Hsm> = { encrypt, decrypt, random }
  return new Proxy(hsm, {
    get(target, name) {
      const member: unknown = Reflect.get(own, name) ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

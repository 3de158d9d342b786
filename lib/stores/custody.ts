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
import type { Key, KeyState } from '../keys/key.ts'
import type { ExternalKey, Hsm, KeyStores, Keys, ProxyCall, Xks } from '../ports.ts'
import { boundTo, parseSealed, sealedBlob } from './envelope.ts'
import { whileCreatingKey, whileUsingKey } from './failures.ts'
import { demandState, storeIn } from './finding.ts'

interface CreationInput {
  readonly Origin: KeyOrigin
  readonly CustomKeyStoreId?: string | undefined
  readonly XksKeyId?: string | undefined
}

interface CustodyPorts {
  readonly keyStore: Keys
  readonly keyStores: KeyStores
  readonly xks: Xks
}

/** The id of a new key, and where it is kept when that is not here. */
type Custody = Pick<Key, 'id' | 'keyStore'>

/**
 * Where the input wants its key: its store is connected, and its external key is fit and free.
 * @param uuid of a key that is kept here
 * @throws CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException, XksKey… exceptions
 */
export async function custodyOf(
  input: CreationInput,
  account: string,
  uuid: () => string,
  ports: CustodyPorts,
  call: ProxyCall,
): Promise<Custody> {
  const { CustomKeyStoreId: storeId, XksKeyId: externalKeyId } = input
  if (storeId === undefined) return { id: uuid() }
  const { proxy, ...store } = storeIn(await ports.keyStores.of(account, { fresh: true }), storeId)
  if ((proxy !== undefined) !== (input.Origin === 'EXTERNAL_KEY_STORE')) {
    throw new ValidationException(`Origin ${input.Origin} is not valid for custom key store ${storeId}.`)
  }
  demandState(store, ['CONNECTED'])
  // INVARIANT: a cluster cannot be connected yet, so a connected store has a proxy, and its input an external key.
  if (!proxy || externalKeyId === undefined) throw new KMSInternalException()
  const id = keyIdOf(account, storeId, externalKeyId)
  if (await ports.keyStore.find(id, { fresh: true })) {
    throw new XksKeyAlreadyInUseException(`The external key ${externalKeyId} is in use by another KMS key.`)
  }
  demandFit(await whileCreatingKey(ports.xks.describeKey(proxy, externalKeyId, call)))
  return { id, keyStore: { id: storeId, externalKeyId } }
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

/** The state of a key, which is Unavailable while its custom key store is not connected. */
export async function stateOf(key: Key, keyStores: KeyStores): Promise<KeyState> {
  if (!key.keyStore || (key.state !== 'Enabled' && key.state !== 'Disabled')) return key.state
  const { stores } = await keyStores.of(key.account)
  const connected = stores.some(({ id, state }) => id === key.keyStore?.id && state === 'CONNECTED')
  return connected ? key.state : 'Unavailable'
}

const notSound =
  'The ciphertext that the external key store proxy submitted for decryption, or the encryption context, is corrupted, missing, or otherwise invalid.'

/**
 * The HSM as a request sees it that uses these keys: what it encrypts under a key of an external key store is encrypted
 * again by the external key, so that neither opens it alone. Everything else is the HSM's own.
 */
export function throughKeyStores(
  hsm: Hsm,
  keys: readonly Key[],
  { keyStores, xks }: { readonly keyStores: KeyStores; readonly xks: Xks },
  call: ProxyCall,
): Hsm {
  if (!keys.some(({ keyStore }) => keyStore)) return hsm

  async function externalOf(keyId: string) {
    const key = keys.find(({ id }) => id === keyId)
    const externalKeyId = key?.keyStore?.externalKeyId
    if (!key || externalKeyId === undefined) return undefined
    const { stores } = await keyStores.of(key.account)
    const proxy = stores.find(({ id }) => id === key.keyStore?.id)?.proxy
    if (!proxy) throw new KMSInvalidStateException(`${key.arn} is unavailable.`)
    return { proxy, externalKeyId, arn: key.arn, call: { ...call, keyArn: key.arn } }
  }

  const encrypt: Hsm['encrypt'] = async (material, plaintext, context) => {
    const external = await externalOf(material.keyId)
    const inner = await hsm.encrypt(material, plaintext, context)
    if (!external) return inner
    const { proxy, externalKeyId, arn, call: about } = external
    const sealed = await whileUsingKey(xks.encrypt(proxy, externalKeyId, inner, boundTo(arn, context), about))
    return sealedBlob(material.keyId, material.id, sealed)
  }

  const decrypt: Hsm['decrypt'] = async (material, ciphertext, context) => {
    const external = await externalOf(material.keyId)
    if (!external) return hsm.decrypt(material, ciphertext, context)
    const { proxy, externalKeyId, arn, call: about } = external
    const sealed = parseSealed(ciphertext.body)
    if (!sealed) throw new InvalidCiphertextException()
    const opened = await whileUsingKey(xks.decrypt(proxy, externalKeyId, sealed, boundTo(arn, context), about))
    try {
      const inner = parseCiphertext(opened)
      if (inner.external || inner.keyId !== material.keyId || inner.materialId !== material.id) {
        throw new InvalidCiphertextException()
      }
      return await hsm.decrypt(material, inner, context)
    } catch (error) {
      if (!(error instanceof InvalidCiphertextException)) throw error
      throw new KMSInvalidStateException(notSound, { cause: error })
    }
  }

  const own: Partial<Hsm> = { encrypt, decrypt }
  return new Proxy(hsm, {
    get(target, name) {
      const member: unknown = Reflect.get(own, name) ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

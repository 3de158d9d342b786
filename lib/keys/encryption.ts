/** Encryption and decryption with keys of any kind: symmetric in the HSM; RSA with its public half here, and back there. */
import { wipedAfter } from '../bytes.ts'
import type { EncryptionContext } from '../crypto/context.ts'
import { encryptOaep } from '../crypto/rsa.ts'
import { IncorrectKeyException, InvalidCiphertextException } from '../errors.ts'
import type { Hsm, Materials } from '../ports.ts'
import type { Key, Material } from './key.ts'
import { currentMaterial, openerOf, publicKeyOf } from './materials.ts'
import { versionsToTry } from './versions.ts'

/** @throws ValidationException when the plaintext is longer than an asymmetric algorithm can take */
export async function seal(
  hsm: Hsm,
  material: Material,
  algorithm: string,
  plaintext: Uint8Array,
  context: EncryptionContext = {},
): Promise<Uint8Array> {
  if (algorithm === 'SYMMETRIC_DEFAULT') return hsm.encrypt(material, plaintext, context)
  return encryptOaep(publicKeyOf(material), material.spec, algorithm, plaintext)
}

interface Opened {
  readonly material: Material
  readonly plaintext: Uint8Array
}

export interface Encrypted {
  readonly algorithm: string
  readonly blob: Uint8Array
  readonly context?: EncryptionContext | undefined
  /** The one version that may open it. A symmetric ciphertext names its own: then this is only a guard. */
  readonly versionId?: string | undefined
}

/**
 * What RSA encrypted does not tell its version: every enabled one is tried, newest first. Only a ciphertext that none of
 * them opens costs as much as all of them, and then always does.
 * @throws InvalidCiphertextException, always the same; IncorrectKeyException for a ciphertext of another version
 */
export async function open(
  ports: { readonly hsm: Hsm; readonly materials: Materials },
  key: Key,
  { algorithm, blob, context = {}, versionId }: Encrypted,
): Promise<Opened> {
  const { hsm, materials } = ports
  if (algorithm === 'SYMMETRIC_DEFAULT') {
    const { material, ciphertext } = await openerOf(materials, key, blob)
    if (versionId !== undefined && versionId !== material.id) {
      throw new IncorrectKeyException('The key version in the request is not the one that encrypted the ciphertext.')
    }
    return { material, plaintext: await hsm.decrypt(material, ciphertext, context) }
  }
  for await (const material of versionsToTry(materials, key, versionId)) {
    const plaintext = await hsm.decryptAsymmetric(material, algorithm, blob).catch(unopened)
    if (plaintext) return { material, plaintext }
  }
  throw new InvalidCiphertextException()
}

interface ReEncryption {
  readonly CiphertextBlob?: Uint8Array | undefined
  readonly SourceEncryptionAlgorithm: string
  readonly SourceEncryptionContext?: EncryptionContext | undefined
  readonly SourceKeyVersionId?: string | undefined
  readonly DestinationEncryptionAlgorithm: string
  readonly DestinationEncryptionContext?: EncryptionContext | undefined
}

/** Opens with one key and seals with another; nobody sees the plaintext between. */
export async function openAndSeal(
  ports: { readonly hsm: Hsm; readonly materials: Materials },
  keys: { readonly SourceKeyId: Key; readonly DestinationKeyId: Key },
  input: ReEncryption,
): Promise<{ readonly source: Material; readonly destination: Material; readonly blob: Uint8Array }> {
  const destination = await currentMaterial(ports.materials, keys.DestinationKeyId)
  const { material: source, plaintext } = await open(ports, keys.SourceKeyId, {
    algorithm: input.SourceEncryptionAlgorithm,
    blob: input.CiphertextBlob ?? new Uint8Array(),
    context: input.SourceEncryptionContext,
    versionId: input.SourceKeyVersionId,
  })
  const { DestinationEncryptionAlgorithm: algorithm, DestinationEncryptionContext: context } = input
  const blob = await wipedAfter(plaintext, (bytes) => seal(ports.hsm, destination, algorithm, bytes, context))
  return { source, destination, blob }
}

function unopened(error: unknown): undefined {
  if (!(error instanceof InvalidCiphertextException)) throw error
}

/** What AWS tells the caller of the key material: of symmetric keys only. */
export const toldMaterialId = ({ spec, id }: Material): string | undefined =>
  spec === 'SYMMETRIC_DEFAULT' ? id : undefined

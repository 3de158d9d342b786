/** Encryption and decryption with keys of any kind: symmetric in the HSM; RSA with its public half here, and back there. */
import type { EncryptionContext } from '../crypto/context.ts'
import { encryptOaep } from '../crypto/rsa.ts'
import type { Hsm, Materials } from '../ports.ts'
import type { Key, Material } from './key.ts'
import { currentMaterial, openerOf, publicKeyOf } from './materials.ts'

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

/** @throws InvalidCiphertextException, always the same */
export async function open(
  ports: { readonly hsm: Hsm; readonly materials: Materials },
  key: Key,
  algorithm: string,
  blob: Uint8Array,
  context: EncryptionContext = {},
): Promise<Opened> {
  const { hsm, materials } = ports
  if (algorithm === 'SYMMETRIC_DEFAULT') {
    const { material, ciphertext } = await openerOf(materials, key, blob)
    return { material, plaintext: await hsm.decrypt(material, ciphertext, context) }
  }
  const material = await currentMaterial(materials, key)
  return { material, plaintext: await hsm.decryptAsymmetric(material, algorithm, blob) }
}

/** Material ids by the names under which AWS tells them: of symmetric keys only. */
export function toldIds(materials: Readonly<Record<string, Material>>): Readonly<Record<string, string>> {
  const told = Object.entries(materials).filter(([, { spec }]) => spec === 'SYMMETRIC_DEFAULT')
  return Object.fromEntries(told.map(([name, { id }]) => [name, id]))
}

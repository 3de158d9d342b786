import { hex, utf8 } from '../bytes.ts'
import { type Ciphertext, parseCiphertext } from '../crypto/ciphertext.ts'
import { InvalidCiphertextException, KMSInternalException } from '../errors.ts'
import type { Hsm, Materials, Owner } from '../ports.ts'
import type { Key, Material } from './key.ts'

/** What a material's wrapped key is bound to. */
export const ownerOf = (material: Pick<Material, 'account' | 'keyId' | 'id' | 'spec'>): Owner => ({
  purpose: 'key-material',
  account: material.account,
  id: material.keyId,
  materialId: material.id,
  spec: material.spec,
})

/** New material for a key, made in the HSM, not stored yet. */
export async function newMaterial(
  hsm: Hsm,
  key: Pick<Key, 'account' | 'id' | 'spec'>,
  number: number,
  now: number,
): Promise<Material> {
  const id = hex(await hsm.random(32))
  const named = { keyId: key.id, account: key.account, id, spec: key.spec }
  return { ...named, number, createdAt: now, ...(await hsm.generate(ownerOf(named))) }
}

/** What a new key begins with: material made here, unless it is to come from elsewhere. */
export async function firstMaterial(hsm: Hsm, key: Key, now: number): Promise<Material | undefined> {
  if (key.origin !== 'EXTERNAL') return newMaterial(hsm, key, 1, now)
  // Without a domain root it could never take its material in: better said now.
  if (key.multiRegion) await hsm.macForPeers(utf8(key.id))
  return undefined
}

/** The material that new ciphertexts are made with. */
export async function currentMaterial(materials: Materials, key: Key): Promise<Material> {
  const material = key.currentMaterialId === undefined ? undefined : await materials.find(key.id, key.currentMaterialId)
  // INVARIANT: a key in a usable state has current material; its write made both visible.
  if (!material) throw new KMSInternalException(undefined, { cause: new Error(`${key.arn} has no current material`) })
  return material
}

/** A ciphertext of this key, and the material that opens it. @throws InvalidCiphertextException, always the same */
export async function openerOf(
  materials: Materials,
  key: Key,
  blob: Uint8Array,
): Promise<{ material: Material; ciphertext: Ciphertext }> {
  const ciphertext = parseCiphertext(blob)
  const own =
    ciphertext.keyId === key.id && (ciphertext.external ?? false) === (key.keyStore?.externalKeyId !== undefined)
  const material = own ? await materials.find(key.id, ciphertext.materialId) : undefined
  if (!material) throw new InvalidCiphertextException()
  return { material, ciphertext }
}

/** SPKI DER of asymmetric material. */
export function publicKeyOf(material: Material): Uint8Array {
  // INVARIANT: material of an asymmetric spec is made with its public half.
  if (!material.publicKey) throw new KMSInternalException(undefined, { cause: new Error('no public key') })
  return material.publicKey
}

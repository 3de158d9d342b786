/** The key that digests are signed with: of the HSM's, like a KMS key's, but one that no request can name. */
import { createHash } from 'node:crypto'
import { hex } from '../bytes.ts'
import type { Material } from '../keys/key.ts'
import { ownerOf, publicKeyOf } from '../keys/materials.ts'
import { Conflict, type Hsm, type Materials } from '../ports.ts'

interface SealingPorts {
  readonly hsm: Hsm
  readonly materials: Materials
}

/** No key id looks like this, so nothing that names a key gets here. */
const keyId = 'audit-seal'
const materialId = hex(createHash('sha256').update('keystead-audit-seal-1').digest())

export interface SealingKey {
  /** SPKI DER. */
  readonly publicKey: Uint8Array
  /** ECDSA P-256 with SHA-256, DER. */
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>
}

/** The deployment's, made by whoever first needs it. */
export async function sealingKey(ports: SealingPorts, account: string, now: number): Promise<SealingKey> {
  const material = (await ports.materials.find(keyId, materialId)) ?? (await made(ports, account, now))
  return {
    publicKey: publicKeyOf(material),
    // A digest is longer than what RAW takes, and hashed here.
    sign: (message) => ports.hsm.sign(material, 'ECDSA_SHA_256', 'DIGEST', sha256(message)),
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

async function made({ hsm, materials }: SealingPorts, account: string, now: number): Promise<Material> {
  const named = { keyId, account, id: materialId, spec: 'ECC_NIST_P256' } as const
  const material: Material = { ...named, number: 1, createdAt: now, ...(await hsm.generate(ownerOf(named))) }
  try {
    await materials.create(material)
    return material
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    const first = await materials.find(keyId, materialId)
    if (!first) throw error
    return first
  }
}

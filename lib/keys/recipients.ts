import { wipedAfter } from '../bytes.ts'
import { type Attestation, verifyAttestation } from '../crypto/attestation.ts'
import { envelopedData } from '../crypto/enveloped-data.ts'
import { ValidationException } from '../errors.ts'
import type { Hsm } from '../ports.ts'

interface RecipientInput {
  readonly KeyEncryptionAlgorithm?: string | undefined
  readonly AttestationDocument?: Uint8Array | undefined
}

/**
 * Who is to get the answer's plaintext, when the request names an enclave: its verified attestation.
 * @param root SHA-256 fingerprint of the root certificate that is trusted
 * @throws ValidationException
 */
export function recipientOf(recipient: RecipientInput | undefined, root: string, now: number): Attestation | undefined {
  if (recipient === undefined) return undefined
  const { KeyEncryptionAlgorithm, AttestationDocument } = recipient
  if (KeyEncryptionAlgorithm === undefined || AttestationDocument === undefined) {
    throw new ValidationException('Recipient must have a KeyEncryptionAlgorithm and an AttestationDocument.')
  }
  return verifyAttestation(AttestationDocument, root, now)
}

/** The member of an answer that holds a plaintext: in clear under `name`, or sealed for an enclave and then wiped here. */
export async function answerTo<const N extends string>(
  recipient: Attestation | undefined,
  hsm: Hsm,
  name: N,
  plaintext: Uint8Array,
): Promise<{ readonly [K in N]?: Uint8Array } & { readonly CiphertextForRecipient?: Uint8Array }> {
  if (!recipient) return { [name]: plaintext } as { [K in N]: Uint8Array }
  const iv = await hsm.random(16)
  return wipedAfter(plaintext, async () =>
    wipedAfter(await hsm.random(32), async (key) => ({
      CiphertextForRecipient: envelopedData(plaintext, recipient.publicKey, key, iv),
    })),
  )
}

/** As CloudTrail tells of an enclave. */
export const attestationNote = ({ moduleId, pcrs }: Attestation): Readonly<Record<string, unknown>> => ({
  recipient: {
    attestationDocumentModuleId: moduleId,
    attestationDocumentEnclaveImageDigest: Buffer.from(pcrs.get(0) ?? []).toString('hex'),
  },
})

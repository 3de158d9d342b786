import { createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { decode, encode } from 'cborg'
import { ValidationException } from '../errors.ts'

/**
 * What an enclave says of itself (AWS Nitro Enclaves and NitroTPM), once its signature has been verified up to a root
 * certificate that is trusted.
 */
export interface Attestation {
  readonly moduleId: string
  /** Platform configuration registers, by number: of the enclave's image, or of the TPM. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>
  readonly kind: 'enclave' | 'tpm'
  /** RSA: what the enclave alone can decrypt with. */
  readonly publicKey: KeyObject
}

/** How long ago a document may have been made: it has no nonce of ours that would make it new. */
const maxAgeMs = 5 * 60_000
const maxCertificates = 8
const es384 = -35

/** One error for every defect: a document that is not valid gets to know nothing more. */
const invalid = (cause?: unknown) => new ValidationException('The attestation document is not valid.', { cause })

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array
const isMap = (value: unknown): value is ReadonlyMap<unknown, unknown> => value instanceof Map

/** CBOR without indefinite lengths or repeated keys; maps as Map. */
const read = (bytes: Uint8Array): unknown =>
  decode(bytes, { allowIndefinite: false, useMaps: true, rejectDuplicateMapKeys: true })

/** Member of a map, of the kind asked for. */
function member<T>(map: ReadonlyMap<unknown, unknown>, name: unknown, is: (value: unknown) => value is T): T {
  const value = map.get(name)
  if (!is(value)) throw invalid()
  return value
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'
const isCertificates = (value: unknown): value is readonly Uint8Array[] =>
  Array.isArray(value) && value.length > 0 && value.length < maxCertificates && value.every(isBytes)
const isPcrs = (value: unknown): value is ReadonlyMap<number, Uint8Array> =>
  isMap(value) && [...value].every(([index, digest]) => isNumber(index) && index >= 0 && index < 32 && isBytes(digest))

/** The leaf of a chain that ends in the trusted root. @param bundle root first, the leaf's issuer last */
function trustedLeaf(
  certificate: Uint8Array,
  bundle: readonly Uint8Array[],
  root: string,
  now: number,
): X509Certificate {
  const chain = [certificate, ...bundle.toReversed()].map((der) => new X509Certificate(der))
  for (const [index, each] of chain.entries()) {
    const issuer = chain[index + 1] ?? each
    const inTime = now >= Date.parse(each.validFrom) && now <= Date.parse(each.validTo)
    const isIssuer = index === 0 || each.ca
    if (!inTime || !isIssuer || !each.checkIssued(issuer) || !each.verify(issuer.publicKey)) throw invalid()
  }
  const [leaf] = chain
  if (!leaf || chain.at(-1)?.fingerprint256 !== root) throw invalid()
  return leaf
}

function payloadOf(document: Uint8Array, root: string, now: number): ReadonlyMap<unknown, unknown> {
  // COSE_Sign1, with its tag or without.
  const message = read(document[0] === 0xd2 ? document.subarray(1) : document)
  if (!Array.isArray(message) || message.length !== 4) throw invalid()
  const [protectedHeader, , payload, signature] = message as readonly unknown[]
  if (!isBytes(protectedHeader) || !isBytes(payload) || !isBytes(signature) || signature.length !== 96) throw invalid()
  const header = read(protectedHeader)
  const claims = read(payload)
  if (!isMap(header) || header.get(1) !== es384 || !isMap(claims)) throw invalid()

  const leaf = trustedLeaf(
    member(claims, 'certificate', isBytes),
    member(claims, 'cabundle', isCertificates),
    root,
    now,
  )
  if (leaf.publicKey.asymmetricKeyDetails?.namedCurve !== 'secp384r1') throw invalid()
  const signed = encode(['Signature1', protectedHeader, new Uint8Array(), payload])
  const key = { key: leaf.publicKey, dsaEncoding: 'ieee-p1363' } as const
  if (!verify('sha384', signed, key, signature)) throw invalid()
  return claims
}

/**
 * Verifies an attestation document: COSE_Sign1 under ES384, by a certificate that chains to the root.
 *
 * @param root SHA-256 fingerprint of the root certificate, as `AB:CD:…`
 * @throws ValidationException, always the same
 */
export function verifyAttestation(document: Uint8Array, root: string, now: number): Attestation {
  try {
    const claims = payloadOf(document, root, now)
    const madeAt = member(claims, 'timestamp', isNumber)
    const isNew = Math.abs(now - madeAt) <= maxAgeMs
    // Not the other way round: CBOR has a number that is none, and compares to nothing.
    if (!isNew || member(claims, 'digest', isText) !== 'SHA384') throw invalid()
    const kind = claims.has('nitrotpm_pcrs') ? 'tpm' : 'enclave'
    const publicKey = createPublicKey({
      key: Buffer.from(member(claims, 'public_key', isBytes)),
      format: 'der',
      type: 'spki',
    })
    const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0
    if (publicKey.asymmetricKeyType !== 'rsa' || bits < 2048 || bits > 4096) throw invalid()
    return {
      moduleId: member(claims, 'module_id', isText),
      pcrs: member(claims, kind === 'tpm' ? 'nitrotpm_pcrs' : 'pcrs', isPcrs),
      kind,
      publicKey,
    }
  } catch (thrown) {
    throw thrown instanceof ValidationException ? thrown : invalid(thrown)
  }
}

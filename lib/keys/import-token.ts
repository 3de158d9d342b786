import { concat, lengthPrefixed, textOf, utf8 } from '../bytes.ts'
import {
  isWrappingAlgorithm,
  type WrappingAlgorithmName,
  type WrappingKeySpec,
  wrappingKeySpecs,
} from '../crypto/import-wrapping.ts'
import { ExpiredImportTokenException, InvalidImportTokenException } from '../errors.ts'
import type { Owner } from '../ports.ts'
import type { Key, WrappedKey } from './key.ts'

const version = 1
export const tokenLifeMs = 24 * 60 * 60 * 1000

/** What an import token says. All of it is in the owner that the wrapped import key is bound to: none can be changed. */
export interface ImportToken {
  readonly algorithm: WrappingAlgorithmName
  readonly wrappingKeySpec: WrappingKeySpec
  readonly expiresAt: number
}

/** Whom the import key belongs to: one key, one algorithm, one day. */
export const ownerOfImportKey = (key: Pick<Key, 'account' | 'id' | 'spec'>, token: ImportToken): Owner => ({
  purpose: 'import-key',
  account: key.account,
  id: key.id,
  materialId: `${key.spec} ${token.algorithm} ${token.expiresAt}`,
  spec: token.wrappingKeySpec,
})

/**
 * An import token: version, then length-prefixed: key id, wrapping key spec, algorithm, expiry (ms), root id, blob and
 * binding of the wrapped import key. So nothing is kept between GetParametersForImport and ImportKeyMaterial.
 */
export function encodeImportToken(
  key: Pick<Key, 'id'>,
  token: ImportToken,
  { rootId, blob, binding }: WrappedKey,
): Uint8Array {
  const texts = [key.id, token.wrappingKeySpec, token.algorithm, String(token.expiresAt), rootId].map(utf8)
  return concat(Uint8Array.of(version), ...[...texts, blob, binding].map(lengthPrefixed))
}

function fieldsOf(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const fields: Uint8Array[] = []
  let at = 1
  while (at + 4 <= bytes.length) {
    const end = at + 4 + view.getUint32(at)
    if (end > bytes.length) return undefined
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return at === bytes.length && bytes[0] === version ? fields : undefined
}

const text = (bytes: Uint8Array | undefined): string => {
  try {
    return textOf(bytes ?? new Uint8Array())
  } catch {
    return ''
  }
}

/**
 * @throws InvalidImportTokenException (no message) for what is no token of this key; ExpiredImportTokenException
 */
export function decodeImportToken(
  bytes: Uint8Array,
  key: Pick<Key, 'id'>,
  now: number,
): ImportToken & { readonly wrapped: WrappedKey } {
  const fields = fieldsOf(bytes)
  const [id, spec, algorithm, expiry, rootId] = (fields ?? []).slice(0, 5).map(text)
  const [blob, binding] = (fields ?? []).slice(5)
  const wrappingKeySpec = wrappingKeySpecs.find((each) => each === spec)
  const expiresAt = Number(expiry)
  const isWhole = fields?.length === 7 && blob && binding && rootId !== undefined
  if (
    !isWhole ||
    id !== key.id ||
    !wrappingKeySpec ||
    !algorithm ||
    !isWrappingAlgorithm(algorithm) ||
    !Number.isSafeInteger(expiresAt)
  ) {
    throw new InvalidImportTokenException()
  }
  if (expiresAt <= now) throw new ExpiredImportTokenException()
  return {
    algorithm,
    wrappingKeySpec,
    expiresAt,
    wrapped: { rootId, blob: new Uint8Array(blob), binding: new Uint8Array(binding) },
  }
}

/** Merkle trees as RFC 6962 has them: leaves and nodes are hashed apart, so that neither can pass for the other. */
import { createHash } from 'node:crypto'
import { concat, equal } from '../bytes.ts'

export const hashBytes = 32

const sha256 = (first: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256').update(Uint8Array.of(first))
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

export const leafHash = (data: Uint8Array): Uint8Array => sha256(0, data)
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(1, left, right)

const emptyRoot = (): Uint8Array => new Uint8Array(createHash('sha256').digest())

/** The largest power of two below `count`, which is 2 or more. */
const splitOf = (count: number): number => 2 ** Math.floor(Math.log2(count - 1))

export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves
  if (only === undefined) return emptyRoot()
  if (leaves.length === 1) return only
  const split = splitOf(leaves.length)
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)))
}

/** The hashes beside the way from a leaf to the root, nearest the leaf first. */
export function pathOf(leaves: readonly Uint8Array[], index: number): readonly Uint8Array[] {
  if (leaves.length <= 1) return []
  const split = splitOf(leaves.length)
  return index < split
    ? [...pathOf(leaves.slice(0, split), index), rootOf(leaves.slice(split))]
    : [...pathOf(leaves.slice(split), index - split), rootOf(leaves.slice(0, split))]
}

/** Whether a leaf is the one at `index` of the `count` leaves under `root`. */
export function isInTree(
  leaf: Uint8Array,
  index: number,
  count: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const whole = Number.isSafeInteger(index) && Number.isSafeInteger(count) && index >= 0 && index < count
  if (!whole || path.some(({ length }) => length !== hashBytes)) return false
  const found = climb(leaf, index, count, path)
  return found !== undefined && equal(found, root)
}

function climb(leaf: Uint8Array, index: number, count: number, path: readonly Uint8Array[]): Uint8Array | undefined {
  if (count === 1) return path.length === 0 ? leaf : undefined
  const beside = path.at(-1)
  if (beside === undefined) return undefined
  const split = splitOf(count)
  const left = index < split
  const below = climb(leaf, left ? index : index - split, left ? split : count - split, path.slice(0, -1))
  if (below === undefined) return undefined
  return left ? nodeHash(below, beside) : nodeHash(beside, below)
}

export const joined = (hashes: readonly Uint8Array[]): Uint8Array => concat(...hashes)

/** Undefined when the bytes are not whole hashes. */
export function parted(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  if (bytes.length % hashBytes !== 0) return undefined
  return Array.from({ length: bytes.length / hashBytes }, (_, at) =>
    bytes.subarray(at * hashBytes, (at + 1) * hashBytes),
  )
}

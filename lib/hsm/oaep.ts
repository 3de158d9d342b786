import { createHash } from 'node:crypto'

const hashBytes = 32
const emptyLabelHash = createHash('sha256').digest()

/** MGF1 with SHA-256 (RFC 8017, B.2.1). */
function mask(seed: Uint8Array, length: number): Uint8Array {
  const out = Buffer.alloc(length)
  const counter = Buffer.alloc(4)
  for (let at = 0; at < length; at += hashBytes) {
    counter.writeUInt32BE(at / hashBytes)
    createHash('sha256').update(seed).update(counter).digest().copy(out, at)
  }
  return out
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, at) => byte ^ (b[at] ?? 0))

/** All ones when two bytes are equal, otherwise 0; no branch. */
const same = (a: number, b: number): number => ((a ^ b) - 1) >> 31

/**
 * Takes RSAES-OAEP's padding with SHA-256 off a decrypted block, which it wipes (RFC 8017, 7.1.2 step 3). What is wrong
 * with it shows in nothing but the one answer, given at the end and after the same work (Manger's attack).
 *
 * @param block as long as the modulus
 * @returns undefined when anything is wrong with it
 */
export function unpadOaepSha256(block: Uint8Array): Uint8Array | undefined {
  const maskedData = block.subarray(1 + hashBytes)
  const seed = xor(block.subarray(1, 1 + hashBytes), mask(maskedData, hashBytes))
  const data = xor(maskedData, mask(seed, maskedData.length))
  try {
    let bad = block[0] ?? 0
    for (let at = 0; at < hashBytes; at++) bad |= (data[at] ?? 0) ^ (emptyLabelHash[at] ?? 0)
    let found = 0
    let separatorAt = 0
    for (let at = hashBytes; at < data.length; at++) {
      const byte = data[at] ?? 0
      const one = same(byte, 1)
      separatorAt |= at & one & ~found
      bad |= ~found & ~one & ~same(byte, 0)
      found |= one
    }
    bad |= ~found
    return bad === 0 ? new Uint8Array(data.subarray(separatorAt + 1)) : undefined
  } finally {
    for (const secret of [block, seed, data]) secret.fill(0)
  }
}

/** NIST's ACVP answers for key generation: the seeds that are sealed give the public keys that NIST gives. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../../lib/bytes.ts'
import { publicKeyOf, seedKinds } from '../../../lib/hsm/seeds.ts'

interface Case {
  readonly spec: keyof typeof seedKinds
  readonly tcId: number
  readonly seed: string
  readonly publicKeySha256: string
  readonly publicKeyBytes: number
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../vectors/nist-acvp-key-generation.json', import.meta.url), 'utf8'),
) as { cases: readonly Case[] }
const specs = ['ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024', 'ML_DSA_44', 'ML_DSA_65', 'ML_DSA_87'] as const

describe.each(specs)('%s', (spec) => {
  test('makes of each of NIST’s 25 seeds the public key that NIST has', () => {
    const own = cases.filter((each) => each.spec === spec)
    expect(own).toHaveLength(25)
    for (const { tcId, seed, publicKeySha256, publicKeyBytes } of own) {
      const spki = publicKeyOf(seedKinds[spec], fromHex(seed))
      const raw = spki.subarray(-publicKeyBytes)
      expect([tcId, createHash('sha256').update(raw).digest('hex')]).toEqual([tcId, publicKeySha256])
    }
  })
})

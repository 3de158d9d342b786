/** Project Wycheproof's signatures against what is verified and signed here. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { equal } from '../../../lib/bytes.ts'
import { signMlDsaMu, verifyMlDsaMu } from '../../../lib/crypto/ml-dsa.ts'
import { isSignature } from '../../../lib/crypto/signing.ts'
import { wycheproof } from '../../harness/wycheproof.ts'

/** Of what Wycheproof leaves open (a digest without the NULL of its algorithm), nothing is taken. */
const isRight = (result: string): boolean => result === 'valid'

const shake = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('shake256', { outputLength: 64 })
  for (const part of parts) hash.update(part)
  return hash.digest()
}

describe.each(wycheproof('verify'))('%s', (_, groups) => {
  test('gives the verdicts that Wycheproof gives, over the message and over what stands for it', () => {
    const wrong: string[] = []
    for (const { algorithm, bytes, cases } of groups) {
      const spki = bytes('publicKeyDer')
      for (const { id, result, bytes: of } of cases) {
        const [message, signature] = [of('msg'), of('sig')]
        const judge = (type: 'RAW' | 'DIGEST' | 'EXTERNAL_MU', given: Uint8Array) => {
          if (isSignature(algorithm, type, spki, given, signature) !== isRight(result)) wrong.push(`${type} ${id}`)
        }
        judge('RAW', message)
        const hash = /^(?:RSA|ECDSA).*_(\d+)$/.exec(algorithm)?.[1]
        if (hash) judge('DIGEST', createHash(`sha${hash}`).update(message).digest())
        if (algorithm.startsWith('ML_DSA')) {
          judge('EXTERNAL_MU', shake(shake(spki.subarray(22)), Uint8Array.of(0, 0), message))
        }
      }
    }
    expect(wrong).toEqual([])
  })
})

describe.each(wycheproof('sign-mu'))('%s', (_, groups) => {
  test('signs each mu, with its randomness or without, as Wycheproof has it', () => {
    for (const { spec, bytes, cases } of groups) {
      for (const { id, bytes: of } of cases) {
        const random = of('rnd').length === 0 ? new Uint8Array(32) : of('rnd')
        const signature = signMlDsaMu(spec, bytes('privateSeed'), of('mu'), random)
        expect([id, equal(signature, of('sig'))]).toEqual([id, true])
        expect(verifyMlDsaMu(spec, bytes('publicKey'), of('mu'), signature)).toBe(true)
      }
    }
  })
})

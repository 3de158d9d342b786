import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accessKeyId, accountOfAccessKeyId, idBytes, uniqueId } from '../../../lib/identity/ids.ts'

const account = fc.integer({ min: 0, max: 999_999_999_999 }).map((each) => String(each).padStart(12, '0'))
const random = fc.uint8Array({ minLength: idBytes, maxLength: idBytes })

describe('an identifier', () => {
  test('of an access key says whose account it is of, as a known one does', () => {
    expect(accountOfAccessKeyId('ASIAQNZGKIQY56JQ7WML')).toBe('029608264753')
  })

  test('of a new access key says whose account it is of, whatever the randomness', () => {
    fc.assert(
      fc.property(account, random, (of, bytes) => {
        const id = accessKeyId('AKIA', of, bytes)
        expect(id).toMatch(/^AKIA[A-Z2-7]{16}$/)
        expect(accountOfAccessKeyId(id)).toBe(of)
      }),
    )
  })

  test('of an access key differs wherever its five random bytes differ, but for one bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 38 }), random, (bit, bytes) => {
        const other = Uint8Array.from(bytes)
        const [at, within] = bit < 7 ? [0, bit] : [1 + Math.floor((bit - 7) / 8), (bit - 7) % 8]
        other[at] = (other[at] ?? 0) ^ (1 << within)
        expect(accessKeyId('AKIA', '1', other)).not.toBe(accessKeyId('AKIA', '1', bytes))
      }),
    )
  })

  test('of another form says nothing of an account', () => {
    for (const id of ['', 'AKIA', 'AIDAQNZGKIQY56JQ7WML', 'AKIAIOSFODNN7EXAMPLE', 'akiaqnzgkiqy56jq7wml'])
      expect(accountOfAccessKeyId(id)).toBeUndefined()
  })

  test('of a user has 21 characters of which the first four say so', () => {
    fc.assert(
      fc.property(random, (bytes) => {
        expect(uniqueId('AIDA', bytes)).toMatch(/^AIDA[A-Z2-7]{17}$/)
      }),
    )
  })
})

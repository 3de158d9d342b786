import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hex } from '../../../lib/bytes.ts'
import { InvalidGrantTokenException } from '../../../lib/errors.ts'
import { GrantTokens } from '../../../lib/grants/tokens.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { openTestHsm } from '../../harness/token.ts'

let hsm: OpenHsm
beforeAll(async () => {
  hsm = await openTestHsm()
})
afterAll(() => hsm.close())

const grant = { keyId: 'mrk-1234abcd12ab34cd56ef123456789012', id: 'ab'.repeat(32) }
const nonce = '01'.repeat(16)

describe('a grant token', () => {
  it('is read by every process of the HSM that it was made with, and by no other', async () => {
    const token = await new GrantTokens(hsm).issue(grant, nonce)
    expect(await new GrantTokens(hsm).read(token)).toEqual(grant)
    const other = new GrantTokens({ deriveKey: async () => new Uint8Array(32) })
    await expect(other.read(token)).rejects.toThrow(InvalidGrantTokenException)
  })

  it('costs the HSM one call in a process, and another where that one failed', async () => {
    const before = hsm.counters.operations
    const tokens = new GrantTokens(hsm)
    const token = await tokens.issue(grant, nonce)
    for (let time = 0; time < 10; time++) await tokens.read(token)
    expect(hsm.counters.operations).toBe(before + 1)
    let calls = 0
    const weak = new GrantTokens({
      deriveKey: (purpose) => (calls++ === 0 ? Promise.reject(new Error('gone')) : hsm.deriveKey(purpose)),
    })
    await expect(weak.read(token)).rejects.toThrow('gone')
    expect(await weak.read(token)).toEqual(grant)
  })

  it('has a key of its own, which is no other that comes from the HSM', async () => {
    const [first, second, other] = [
      await hsm.deriveKey('grant-token'),
      await hsm.deriveKey('grant-token'),
      await hsm.deriveKey('lineage'),
    ].map(hex)
    expect(first).toBe(second)
    expect(first).not.toBe(other)
    expect(first).toMatch(/^[0-9a-f]{64}$/)
  })
})

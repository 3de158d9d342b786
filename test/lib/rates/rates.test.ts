import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { operations } from '../../../functions/index.ts'
import { readConfig } from '../../../lib/config.ts'
import { type KeySpec, keySpecs } from '../../../lib/crypto/specs.ts'
import { ThrottlingException } from '../../../lib/errors.ts'
import { type AnyOperation, serviceOf } from '../../../lib/operation.ts'
import { quotaOf, quotaOfPair, quotaOfUse } from '../../../lib/rates/quotas.ts'
import { maxBuckets, TokenBuckets } from '../../../lib/rates/rates.ts'

const tooMany = 'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.'
const quota = { name: 'things', perSecond: 10 }
const alice = { account: '111122223333', principalId: 'AIDAALICE' }
const bob = { account: '111122223333', principalId: 'AIDABOB' }
const mallory = { account: '444455556666', principalId: 'AIDAMALLORY' }

function buckets({ factor = 1, principalShare = 1 } = {}) {
  const clock = { ms: 1_000_000 }
  const rates = new TokenBuckets({ factor, principalShare, now: () => clock.ms })
  /** How many requests in a row are let through. */
  const through = (caller: typeof alice, of = quota): number => {
    for (let count = 0; ; count++) {
      try {
        rates.take(caller, of)
      } catch (error) {
        expect(error).toBeInstanceOf(ThrottlingException)
        expect((error as Error).message).toBe(tooMany)
        return count
      }
    }
  }
  return { clock, rates, through }
}

describe('a bucket', () => {
  test("gives out a second's worth at once, and then what comes in", () => {
    const { clock, through } = buckets()
    expect(through(alice)).toBe(10)
    clock.ms += 99
    expect(through(alice)).toBe(0)
    clock.ms += 1
    expect(through(alice)).toBe(1)
    clock.ms += 3_600_000
    expect(through(alice)).toBe(10)
  })

  test('is not filled by a clock that goes back, nor stuck when it does', () => {
    const { clock, through } = buckets()
    expect(through(alice)).toBe(10)
    clock.ms -= 500_000
    expect(through(alice)).toBe(0)
    clock.ms += 100
    expect(through(alice)).toBe(1)
  })

  test("is an account's, for each class of its own", () => {
    const { through } = buckets()
    expect(through(alice)).toBe(10)
    expect(through(bob)).toBe(0)
    expect(through(mallory)).toBe(10)
    expect(through(alice, { name: 'others', perSecond: 3 })).toBe(3)
  })

  test('is as large as the factor says, and never less than one request', () => {
    expect(buckets({ factor: 2.5 }).through(alice)).toBe(25)
    const { clock, through } = buckets({ factor: 0.01 })
    expect(through(alice)).toBe(1)
    clock.ms += 9_999
    expect(through(alice)).toBe(0)
    clock.ms += 1
    expect(through(alice)).toBe(1)
  })
})

describe('one principal', () => {
  test("gets its share, and leaves the rest of its account's to others", () => {
    const { through } = buckets({ principalShare: 0.3 })
    expect(through(alice)).toBe(3)
    expect(through(bob)).toBe(3)
    expect(through({ ...alice, principalId: 'AIDACAROL' })).toBe(3)
    expect(through({ ...alice, principalId: 'AIDADAVE' })).toBe(1)
  })

  test('is a role, whatever its sessions are called', () => {
    const { through } = buckets({ principalShare: 0.3 })
    expect(through({ ...alice, principalId: 'AROAROLE:one' })).toBe(3)
    expect(through({ ...alice, principalId: 'AROAROLE:two' })).toBe(0)
  })

  test('that is refused costs its account nothing', () => {
    const { rates, through } = buckets({ principalShare: 0.3 })
    expect(through(alice)).toBe(3)
    for (let tries = 0; tries < 100; tries++) expect(() => rates.take(alice, quota)).toThrow(ThrottlingException)
    expect(through(bob)).toBe(3)
  })
})

test('what is remembered is bounded, and who called lately is remembered longest', () => {
  const { rates, through } = buckets()
  expect(through(alice)).toBe(10)
  for (let n = 0; n < maxBuckets + 1000; n++) {
    rates.take({ account: String(n), principalId: 'x' }, quota)
    if (n % 1000 === 0) expect(() => rates.take(alice, quota)).toThrow(ThrottlingException)
  }
  expect(rates.size).toBe(maxBuckets)
})

test('in no stretch of time is more let through than a second holds and what came in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400), { minLength: 1, maxLength: 200 }), (pauses) => {
      const { clock, rates } = buckets()
      const times: number[] = []
      for (const pause of pauses) {
        clock.ms += pause
        try {
          rates.take(alice, quota)
          times.push(clock.ms)
        } catch {}
      }
      for (const [first, from] of times.entries()) {
        for (const [last, to] of times.entries()) {
          if (last > first) expect(last - first + 1).toBeLessThanOrEqual(10 + ((to - from) * 10) / 1000 + 1e-6)
        }
      }
    }),
    { numRuns: 50 },
  )
})

describe('quotas', () => {
  const asked = (operation: AnyOperation) => ({
    name: operation.name,
    service: serviceOf(operation).name,
    cryptographic: Object.values<{ usage?: string }>(operation.on).some(({ usage }) => usage !== undefined),
  })
  const perSecond = new Map(
    (operations as readonly AnyOperation[]).map((each) => [
      each.name,
      quotaOf(asked(each), 'eu-south-2')?.perSecond ?? 'by the key',
    ]),
  )
  const named = (rate: number | string) => [...perSecond].filter(([, of]) => of === rate).map(([name]) => name)

  // https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html, and ours
  test.each<[number | string, string]>([
    [
      'by the key',
      'Decapsulate Decrypt DeriveSharedSecret Encapsulate Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac ReEncrypt Sign Verify VerifyMac',
    ],
    [10_000, 'GenerateRandom'],
    [2000, 'DescribeKey GetPublicKey ListResourceTags'],
    [1000, 'GetKeyPolicy GetKeyRotationStatus'],
    [500, 'ListAliases ListKeys'],
    [100, 'ListGrants ListKeyPolicies ListKeyRotations ListKeyVersions ListRetirableGrants'],
    [50, 'CreateGrant RetireGrant RevokeGrant'],
    [15, 'DeleteAlias DeleteImportedKeyMaterial EnableKeyRotation ImportKeyMaterial PutKeyPolicy ScheduleKeyDeletion'],
    [10, 'TagResource'],
    [
      5,
      'CancelKeyDeletion ConnectCustomKeyStore CreateAlias CreateCustomKeyStore CreateKey CreateKeyVersion DeleteCustomKeyStore DescribeCustomKeyStores DisableKey DisableKeyRotation DisconnectCustomKeyStore EnableKey GetKeyLastUsage ReplicateKey RotateKeyOnDemand UntagResource UpdateAlias UpdateCustomKeyStore UpdateKeyDescription UpdateKeyVersion UpdatePrimaryRegion',
    ],
    [2, 'LookupEvents'],
    [1, 'GetParametersForImport'],
  ])('of %s a second are those of %s', (rate, names) => {
    expect(named(rate)).toEqual(names.split(' '))
  })

  test('every spec has one', () => {
    const rates = Object.keys(keySpecs).map((spec) => [spec, quotaOfUse({ spec: spec as KeySpec }, 'us-east-2')?.name])
    expect(rates.filter(([, name]) => name === undefined)).toEqual([])
    expect(quotaOfUse({ spec: 'HMAC_256' }, 'us-east-2')).toEqual({ name: 'symmetric', perSecond: 20_000 })
    expect(quotaOfUse({ spec: 'SM2' }, 'cn-north-1')).toEqual({ name: 'ECC', perSecond: 1000 })
    expect(quotaOfUse({ spec: 'RSA_4096' }, 'us-east-1')).toEqual({ name: 'RSA', perSecond: 1000 })
  })

  test('a key pair has one by its spec, and a key store one of its own', () => {
    const pairs = ['RSA_2048', 'RSA_3072', 'RSA_4096', 'ECC_NIST_P256', 'ECC_NIST_EDWARDS25519', 'SM2', undefined]
    expect(pairs.map((spec) => quotaOfPair(spec)?.perSecond)).toEqual([20, 4, 1, 100, 100, 25, undefined])
    expect(quotaOfUse({ spec: 'SYMMETRIC_DEFAULT', keyStore: { id: 'cks-1' } }, 'us-east-1')).toEqual({
      name: 'key store cks-1',
      perSecond: 1800,
    })
  })
})

describe('the setting', () => {
  const read = (text?: string) => readConfig(text === undefined ? {} : { KEYSTEAD_RATE_LIMITS: text })

  test('limits nobody unless told', () => {
    expect([undefined, 'none', 'aws', '0.5', '20'].map((text) => read(text).KEYSTEAD_RATE_LIMITS)).toEqual([
      undefined,
      undefined,
      1,
      0.5,
      20,
    ])
  })

  test.each(['', ' ', '0', '-1', 'AWS', 'NaN', 'Infinity', '1e9'])('refuses "%s"', (text) => {
    expect(() => read(text)).toThrow('KEYSTEAD_RATE_LIMITS must be none, aws, or a number from 0.001 to 1000')
  })
})

/** Rights that are passed on through grants never grow. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type GrantAsked, type GrantConstraints, grantedAs, type PolicyGrant } from '../../../lib/policy/grants.ts'
import type { PolicyCaller } from '../../../lib/policy/principals.ts'

const account = '111122223333'
const user = (id: string): PolicyCaller => ({
  type: 'User',
  account,
  arn: `arn:aws:iam::${account}:user/${id}`,
  principalId: id,
  userName: id,
})
const [alice, bob] = [user('AIDAALICEALICEALICE22'), user('AIDABOBBOBBOBBOBBOB22')]

const names = ['Encrypt', 'Decrypt', 'DescribeKey', 'ReEncryptFrom', 'CreateGrant', 'RetireGrant'] as const
const operations = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 })
const name = fc.constantFrom('a', 'b', 'A', '', '__proto__', 'constructor')
const pairs = fc.dictionary(name, fc.constantFrom('1', '2', ''), { maxKeys: 3 })
const constraints: fc.Arbitrary<GrantConstraints | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.record({ EncryptionContextEquals: pairs }),
  fc.record({ EncryptionContextSubset: pairs }),
  fc.record({ SourceArn: fc.constantFrom('arn:1', 'arn:2') }),
)
const grant = (id: string, to: PolicyCaller): fc.Arbitrary<PolicyGrant> =>
  fc.tuple(operations, constraints).map(([given, held]) => ({
    id,
    grantee: to.principalId,
    issuingAccount: account,
    operations: given,
    ...(held && { constraints: held }),
  }))
const asked: fc.Arbitrary<Omit<GrantAsked, 'caller'>> = fc.record({
  action: fc.constantFrom(...names).map((each) => `kms:${each}`),
  context: fc
    .option(fc.constantFrom('arn:1', 'arn:2'), { nil: undefined })
    .map((arn) => new Map(arn === undefined ? [] : [['aws:sourcearn', arn]])),
  encryptionContext: pairs,
  proposedGrant: fc.tuple(operations, constraints).map(([given, held]) => ({
    operations: given,
    ...(held && { constraints: held }),
  })),
})

/** Whether through this grant its caller may make that one. */
const passesOn = (parent: PolicyGrant, child: PolicyGrant, context: GrantAsked['context']): boolean => {
  const { operations: given, constraints: held } = child
  const proposedGrant = { operations: given, ...(held && { constraints: held }) }
  return grantedAs(parent, { caller: alice, action: 'kms:CreateGrant', context, proposedGrant }) !== undefined
}

test('whatever a grant lets in that was made through another, the other would have let in too', () => {
  let passed = 0
  fc.assert(
    fc.property(grant('parent', alice), grant('child', bob), asked, (parent, child, request) => {
      if (!passesOn(parent, child, request.context)) return
      passed++
      const byChild = grantedAs(child, { ...request, caller: bob })
      const byParent = grantedAs(parent, { ...request, caller: alice })
      if (byChild) expect(byParent).toBe('USER')
    }),
    { numRuns: 20_000 },
  )
  expect(passed).toBeGreaterThan(500)
})

test('nor through a third: what is passed on twice was in the first', () => {
  fc.assert(
    fc.property(
      grant('first', alice),
      grant('second', alice),
      grant('third', bob),
      asked,
      (first, second, third, request) => {
        if (!passesOn(first, second, request.context) || !passesOn(second, third, request.context)) return
        expect(passesOn(first, third, request.context)).toBe(true)
        expect(third.operations.filter((each) => !first.operations.includes(each))).toEqual([])
      },
    ),
    { numRuns: 20_000 },
  )
})

test('two grants are never one: each alone must hold all that is passed on', () => {
  fc.assert(
    fc.property(grant('one', alice), grant('two', alice), grant('child', bob), asked, (one, two, child, request) => {
      const whole = { ...one, operations: [...new Set([...one.operations, ...two.operations])] }
      const apart = [one, two].every((parent) => !child.operations.every((each) => parent.operations.includes(each)))
      if (!apart || !passesOn(whole, child, request.context)) return
      expect([one, two].some((parent) => passesOn(parent, child, request.context))).toBe(false)
    }),
    { numRuns: 5000 },
  )
})

/** Documents that are meant to be slow, deep or many: refused, or decided in bounded time. */
import { describe, expect, it } from 'vitest'
import { MalformedPolicyDocumentException } from '../../../lib/errors.ts'
import { decide } from '../../../lib/policy/decide.ts'
import { maxPolicyBytes } from '../../../lib/policy/dialects.ts'
import { parseKeyPolicy } from '../../../lib/policy/policies.ts'
import type { ContextValue } from '../../../lib/policy/variables.ts'
import { account, keyArn } from './scenario.ts'

const deny = { Effect: 'Deny', Principal: '*', Action: 'kms:*', Resource: '*' }
const key = 'kms:encryptioncontext:x'
const variable = `\${${key}}`

/** As many values as a policy has room for. */
function policyOf(operator: string, value: (index: number) => string) {
  const withValues = (values: readonly string[]) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ ...deny, Condition: { [operator]: { [key]: values } } }],
    })
  let room = maxPolicyBytes - withValues([]).length
  const values: string[] = []
  for (let each = value(0); values.length < 10_000; each = value(values.length)) {
    room -= JSON.stringify(each).length + 1
    if (room < 0) break
    values.push(each)
  }
  return withValues(values)
}

const long = 'a'.repeat(8192)

describe('a policy that is meant to be slow is decided in bounded time', () => {
  it.each<[string, string, ContextValue]>([
    ['question marks between letters', policyOf('StringLike', () => `*${'?a'.repeat(1400)}b*`), long],
    ['short runs of question marks', policyOf('StringLike', () => `*${'?a'.repeat(10)}b*`), long],
    ['nothing but question marks', policyOf('StringLike', () => `*${'?'.repeat(4000)}b`), long],
    ['stars everywhere', policyOf('StringLike', () => `${'*a'.repeat(2000)}b`), long],
    ['a run that almost fits everywhere', policyOf('StringLike', () => `*${'a'.repeat(3000)}b*`), long],
    ['many small patterns', policyOf('StringNotLike', () => '*aab*'), long],
    ['many patterns of nine letters', policyOf('StringNotLike', () => '*aaaaaaaab*'), long],
    ['a variable again and again', policyOf('StringEquals', () => variable.repeat(1000)), long],
    ['a variable between stars', policyOf('StringLike', () => `*${variable}`.repeat(1000)), long],
    ['a variable in many values', policyOf('StringLike', () => `?${variable}`), long],
    ['a variable in ARNs', policyOf('ArnLike', () => `arn:a:a:a:a:*${variable}*`), `arn:a:a:a:a:${long}`],
    ['variables that never end', policyOf('StringLike', () => '${'.repeat(5000)), long],
    ['defaults that never end', policyOf('StringLike', () => "${a,'".repeat(3000)), long],
    ['a list against many values', policyOf('ForAnyValue:StringLike', (n) => `*?b?b${n}*`), Array(2000).fill('aaa')],
    ['networks', policyOf('NotIpAddress', (n) => `2001:db8:${n.toString(16)}::/48`), '2001:db9::1'],
    ['dates', policyOf('DateEquals', () => '2026-01-31T12:00:00.123+01:00'), '2026-01-31T12:00:00Z'],
  ])('%s', (_, text, value) => {
    expect(text.length).toBeGreaterThan(maxPolicyBytes / 2)
    const start = performance.now()
    const decision = decide({
      caller: { type: 'Root', account, arn: 'arn', principalId: account },
      action: 'kms:Encrypt',
      crossAccount: true,
      context: new Map([[key, value]]),
      resource: { arn: keyArn, account, keyPolicy: parseKeyPolicy(text) },
    })
    expect(decision.allowed).toBe(false)
    expect(performance.now() - start).toBeLessThan(1500)
  })
})

describe('a policy that is no policy is refused at once', () => {
  const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth)

  it.each([
    ['lists in lists', `{"Statement":${nested('[', ']', 16_000)}}`],
    ['objects in objects', `{"Statement":${'{"Condition":'.repeat(1900)}1${'}'.repeat(1900)}}`],
    [
      'lists in a condition',
      `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"a:b":${nested('[', ']', 15_000)}}}}]}`,
    ],
    ['ten thousand statements', `{"Statement":[${'{},'.repeat(9999)}{}]}`],
    [
      'ten thousand principals',
      `{"Statement":[{"Effect":"Deny","Principal":{"AWS":[${'"",'.repeat(9999)}""]},"Action":"*","Resource":"*"}]}`,
    ],
    ['quotes that never end', `{"Statement":"${'\\"'.repeat(16_000)}`],
    ['thousands of members', `{${Array.from({ length: 3000 }, (_, n) => `"${n}":1`).join()}}`],
  ])('%s', (_, text) => {
    expect(text.length).toBeLessThanOrEqual(maxPolicyBytes)
    const start = performance.now()
    expect(() => parseKeyPolicy(text)).toThrow(MalformedPolicyDocumentException)
    expect(performance.now() - start).toBeLessThan(1500)
  })
})

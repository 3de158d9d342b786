import { describe, expect, it } from 'vitest'
import { holds, parseOperator } from '../../../lib/policy/conditions.ts'
import type { ContextValue } from '../../../lib/policy/variables.ts'

const arn = 'arn:aws:iam::111122223333:user/x'

/** operator, policy's value, a request value it holds for, one it does not hold for */
const operators = [
  ['StringEquals', 'v', 'v', 'w'],
  ['StringNotEquals', 'v', 'w', 'v'],
  ['StringEqualsIgnoreCase', 'v', 'V', 'w'],
  ['StringNotEqualsIgnoreCase', 'v', 'w', 'V'],
  ['StringLike', 'v*', 'vw', 'w'],
  ['StringNotLike', 'v*', 'w', 'vw'],
  ['NumericEquals', '5', '5.0', '6'],
  ['NumericNotEquals', '5', '6', '5.0'],
  ['NumericLessThan', '5', '4', '5'],
  ['NumericLessThanEquals', '5', '5', '6'],
  ['NumericGreaterThan', '5', '6', '5'],
  ['NumericGreaterThanEquals', '5', '5', '4'],
  ['DateEquals', '2026-01-02', '2026-01-02T00:00:00Z', '2026-01-03'],
  ['DateNotEquals', '2026-01-02', '2026-01-03', '2026-01-02T00:00:00Z'],
  ['DateLessThan', '2026-01-02', '2026-01-01', '2026-01-02'],
  ['DateLessThanEquals', '2026-01-02', '2026-01-02', '2026-01-03'],
  ['DateGreaterThan', '2026-01-02', '2026-01-03', '2026-01-02'],
  ['DateGreaterThanEquals', '2026-01-02', '2026-01-02', '2026-01-01'],
  ['Bool', 'true', 'True', 'no'],
  ['BinaryEquals', 'aGk=', 'aGk=', 'aGo='],
  ['IpAddress', '10.0.0.0/8', '10.1.2.3', '11.1.2.3'],
  ['NotIpAddress', '10.0.0.0/8', '11.1.2.3', '10.1.2.3'],
  ['ArnEquals', 'arn:aws:iam::*:user/*', arn, 'arn:aws:iam::1:role/x'],
  ['ArnLike', 'arn:aws:iam::*:user/*', arn, 'arn:aws:iam::1:role/x'],
  ['ArnNotEquals', 'arn:aws:iam::*:user/*', 'arn:aws:iam::1:role/x', arn],
  ['ArnNotLike', 'arn:aws:iam::*:user/*', 'arn:aws:iam::1:role/x', arn],
] as const

const truth = (name: string, literal: string, value: ContextValue | undefined) => {
  const operator = parseOperator(name)
  if (!operator) throw new Error(`${name} is no operator.`)
  return holds(
    { name, operator, key: 'a:k', values: [literal] },
    new Map(value === undefined ? [] : [['a:k', value]]),
    true,
  )
}

describe.each(operators)('%s', (name, literal, right, wrong) => {
  const isNegated = name.includes('Not')

  it('holds for one value and not for another', () => {
    expect(truth(name, literal, right)).toBe(true)
    expect(truth(name, literal, wrong)).toBe(false)
  })

  it('takes an absent key as its negation does, and IfExists for good', () => {
    expect(truth(name, literal, undefined)).toBe(isNegated)
    expect(truth(`${name}IfExists`, literal, undefined)).toBe(true)
    expect(truth(`${name}IfExists`, literal, right)).toBe(true)
    expect(truth(`${name}IfExists`, literal, wrong)).toBe(false)
  })

  it('never holds for a list, with IfExists neither', () => {
    for (const form of [name, `${name}IfExists`]) {
      expect(truth(form, literal, [right])).toBe(false)
      expect(truth(form, literal, [right, right])).toBe(false)
    }
  })

  it('takes an empty list for an absent key', () => {
    expect(truth(name, literal, [])).toBe(isNegated)
  })

  it('holds with ForAllValues when it does for each, and for none', () => {
    for (const form of [`ForAllValues:${name}`, `ForAllValues:${name}IfExists`]) {
      expect(truth(form, literal, [right, right])).toBe(true)
      expect(truth(form, literal, [right, wrong])).toBe(false)
      expect(truth(form, literal, wrong)).toBe(false)
      expect(truth(form, literal, undefined)).toBe(true)
      expect(truth(form, literal, [])).toBe(true)
    }
  })

  it('holds with ForAnyValue when it does for one, and not for none', () => {
    expect(truth(`ForAnyValue:${name}`, literal, [wrong, right])).toBe(true)
    expect(truth(`ForAnyValue:${name}`, literal, [wrong, wrong])).toBe(false)
    expect(truth(`ForAnyValue:${name}`, literal, right)).toBe(true)
    expect(truth(`ForAnyValue:${name}`, literal, undefined)).toBe(false)
    expect(truth(`ForAnyValue:${name}`, literal, [])).toBe(false)
    expect(truth(`ForAnyValue:${name}IfExists`, literal, undefined)).toBe(true)
    expect(truth(`ForAnyValue:${name}IfExists`, literal, [wrong])).toBe(false)
  })
})

describe('parseOperator', () => {
  it.each([
    '',
    'constructor',
    'toString',
    'String',
    'NullIfExists',
    'ForAllValues:',
    'ForAllValues:ForAnyValue:StringLike',
    'StringEqualsIfExistsIfExists',
    ' StringEquals',
  ])('knows no operator %j', (name) => {
    expect(parseOperator(name)).toBeUndefined()
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  arnMatcherOf,
  arnParts,
  matcherOf,
  matches,
  type Pattern,
  patternOf,
  type Work,
} from '../../../lib/policy/wildcard.ts'

interface Unit {
  readonly is: 'any' | 'one' | 'text'
  readonly text?: string
}

const unitsOf = (pattern: Pattern): readonly Unit[] =>
  pattern.flatMap(({ text, data }) =>
    text.split('').map((unit): Unit => {
      if (data || !'*?'.includes(unit)) return { is: 'text', text: unit }
      return { is: unit === '*' ? 'any' : 'one' }
    }),
  )

/** The definition, and as slow as it looks. */
function oracle(units: readonly Unit[], text: string): boolean {
  const [first, ...rest] = units
  if (!first) return text === ''
  if (first.is === 'any') return oracle(rest, text) || (text !== '' && oracle(units, text.slice(1)))
  return text !== '' && (first.is === 'one' || first.text === text[0]) && oracle(rest, text.slice(1))
}

const short = (units: string, maxLength: number) =>
  fc.array(fc.constantFrom(...units), { maxLength }).map((list) => list.join(''))

describe('matcherOf', () => {
  it('agrees with the definition', () => {
    const pieces = fc.array(fc.record({ text: short('aab*?', 4), data: fc.boolean() }), { maxLength: 4 })
    fc.assert(
      fc.property(pieces, short('aab*?', 12), (pattern, text) => {
        expect(matches(pattern, text)).toBe(oracle(unitsOf(pattern), text))
      }),
      { numRuns: 5000 },
    )
  })

  it('agrees with the definition where chunks hold question marks between letters', () => {
    const pattern = fc
      .array(short('aab?😀', 4), { minLength: 3, maxLength: 4 })
      .map((chunks) => patternOf(chunks.join('*')))
    fc.assert(
      fc.property(pattern, short('aab😀', 14), (each, text) => {
        expect(matches(each, text)).toBe(oracle(unitsOf(each), text))
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    ['many stars that do not fit', `${'a*'.repeat(2000)}b`, 'a'.repeat(20_000), false],
    ['many stars that fit', `${'a*'.repeat(2000)}b`, `${'a'.repeat(20_000)}b`, true],
    ['stars beside each other', `${'*'.repeat(20_000)}b${'*'.repeat(5_000)}`, 'a'.repeat(20_000), false],
    ['a long chunk that nearly fits everywhere', `*${'a'.repeat(5000)}b*`, 'a'.repeat(20_000), false],
    ['long chunks again and again', `*${`${'a'.repeat(100)}b*`.repeat(100)}`, `${'a'.repeat(99)}b`.repeat(200), false],
  ])('takes steps in proportion to pattern and text: %s', (_, pattern, text, expected) => {
    const work: Work = { steps: 0 }
    expect(matcherOf(patternOf(pattern))(text, work)).toBe(expected)
    expect(work.steps).toBeLessThanOrEqual(4 * (pattern.length + text.length))
  })

  it.each([1, 31, 32, 33, 64, 200])(
    'takes a thirty-second of the steps of a pattern with %i question marks at each unit of the text',
    (count) => {
      const text = 'a'.repeat(10_000)
      const pattern = 'a?'.repeat(count)
      const work: Work = { steps: 0 }
      expect(matcherOf(patternOf(`*${pattern}b*`))(text, work)).toBe(false)
      expect(work.steps).toBeLessThanOrEqual(Math.ceil((pattern.length + 1) / 32) * text.length + 2)
      expect(matches(patternOf(`*${pattern}b*`), `${text}b`)).toBe(true)
    },
  )

  it('agrees with the definition where a chunk is longer than a word of bits', () => {
    const chunk = fc.array(fc.constantFrom('a', 'b', '?'), { minLength: 30, maxLength: 70 }).map((all) => all.join(''))
    fc.assert(
      fc.property(chunk, fc.nat(40), fc.boolean(), (each, before, spoilt) => {
        const found = each.replaceAll('?', 'b')
        const text = `${'ab'.repeat(before)}${spoilt ? found.replace('a', 'c') : found}c`
        expect(matches(patternOf(`*${each}*`), text)).toBe(oracle(unitsOf(patternOf(`*${each}*`)), text))
      }),
      { numRuns: 500 },
    )
  })

  it('refuses a text that is shorter than the pattern in one step', () => {
    const work: Work = { steps: 0 }
    expect(matcherOf(patternOf('*a'.repeat(10_000)))('a', work)).toBe(false)
    expect(work.steps).toBe(1)
  })
})

describe('arnMatcherOf', () => {
  const like = (pattern: Pattern, arn: string): boolean => arnMatcherOf(arnParts(pattern))(arn)

  it('keeps a star within its field', () => {
    expect(like(patternOf('arn:aws:kms:*:111122223333:key/*'), 'arn:aws:kms:r:444455556666:x:111122223333:key/k')).toBe(
      false,
    )
  })

  it('lets the last field have colons', () => {
    expect(like(patternOf('arn:aws:logs:*:*:log-group:*'), 'arn:aws:logs:r:1:log-group:a:b')).toBe(true)
  })

  it('parts data at colons only where it begins the pattern', () => {
    expect(arnParts([{ text: 'arn:aws:iam::1:user/x', data: true }])).toHaveLength(6)
    expect(
      arnParts([
        { text: 'arn:aws:', data: false },
        { text: 'iam::1:user/x', data: true },
      ]),
    ).toHaveLength(3)
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../lib/bytes.ts'
import { SerializationException, ValidationException } from '../../lib/errors.ts'
import { list, struct, textMap } from '../../lib/schema/collections.ts'
import { keyId, tags } from '../../lib/schema/members.ts'
import { parseBody, validated } from '../../lib/schema/parse.ts'
import { blob, boolean, integer, oneOf, string, timestamp } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof ValidationException || error instanceof SerializationException)
      return `${error.name}: ${error.message}`
    throw error
  }
  return 'nothing was thrown'
}

describe('validation, in AWS words (kms-api.md §4.4, §8.2, §10.5)', () => {
  test('an empty KeyId fails length and pattern', () => {
    expect(messageOf(() => validated(struct({ KeyId: required(keyId) }), { KeyId: '' }))).toBe(
      "ValidationException: 2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\\p{ASCII}+$",
    )
  })
  test('a member of a list has its place in the path, from one', () => {
    const Tags = [
      { TagKey: 'ok', TagValue: 'x' },
      { TagKey: 'k'.repeat(129), TagValue: 'y'.repeat(257) },
    ]
    expect(messageOf(() => validated(struct({ Tags: required(tags) }), { Tags }))).toBe(
      `ValidationException: 2 validation errors detected: Value '${'k'.repeat(129)}' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128; Value '${'y'.repeat(257)}' at 'tags.2.member.tagValue' failed to satisfy constraint: Member must have length less than or equal to 256`,
    )
  })
  test('a sensitive member is never echoed, missing or too long', () => {
    const shape = struct({
      Plaintext: required(blob(1, 4, { sensitive: true })),
      Token: string({ max: 2, sensitive: true }),
    })
    expect(messageOf(() => validated(shape, {}))).toBe(
      "ValidationException: 1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must not be null",
    )
    expect(messageOf(() => validated(shape, { Plaintext: 'AAAAAAAA', Token: 'secret' }))).toBe(
      "ValidationException: 2 validation errors detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4; Value at 'token' failed to satisfy constraint: Member must have length less than or equal to 2",
    )
  })
  test('a range and an enum name what is allowed', () => {
    const shape = struct({ Days: integer(90, 2560), Type: oneOf(['RAW', 'DIGEST']) })
    expect(messageOf(() => validated(shape, { Days: 2561, Type: 'raw' }))).toBe(
      "ValidationException: 2 validation errors detected: Value '2561' at 'days' failed to satisfy constraint: Member must have value less than or equal to 2560; Value 'raw' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [RAW, DIGEST]",
    )
  })
})

describe('decoding', () => {
  test('a member of the wrong type is a SerializationException before any constraint is looked at', () => {
    const shape = struct({ KeyId: required(keyId), Limit: integer(1, 10) })
    expect(messageOf(() => validated(shape, { Limit: 'x' }))).toBe(
      'SerializationException: STRING_VALUE can not be converted to Integer',
    )
    expect(messageOf(() => validated(shape, { KeyId: 1 }))).toBe(
      'SerializationException: NUMBER_VALUE can not be converted to String',
    )
    expect(messageOf(() => validated(shape, { KeyId: true }))).toBe(
      'SerializationException: TRUE_VALUE can not be converted to String',
    )
    expect(messageOf(() => validated(shape, { KeyId: [] }))).toBe(
      'SerializationException: Start of list found where not expected',
    )
    expect(messageOf(() => validated(shape, { KeyId: {} }))).toBe(
      'SerializationException: Start of structure or map found where not expected',
    )
  })
  test('null is an absent member, an absent member with a default has it', () => {
    const shape = struct({ A: string(), B: withDefault(boolean, false) })
    expect(validated(shape, { A: null, B: null })).toEqual({ B: false })
  })
  test('text with a lone surrogate is refused: two texts must not become the same bytes', () => {
    expect(messageOf(() => string().decode('\ud800'))).toMatch(/^SerializationException/)
    expect(messageOf(() => textMap.decode({ '\udc00': 'x' }))).toMatch(/^SerializationException/)
  })
  test('names such as __proto__ are data in a map, and nothing in a structure', () => {
    const json = JSON.parse('{"__proto__":"x","constructor":"y"}')
    expect(Object.entries(textMap.decode(json))).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    const shape = struct({ toString: string(), A: string() })
    expect(Object.hasOwn(shape.decode({ A: 'a' }), 'toString')).toBe(false)
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })
  test('times are milliseconds inside and seconds outside', () => {
    expect(timestamp.decode(1593622000.191)).toBe(1593622000191)
    expect(timestamp.encode(1593622000191)).toBe(1593622000.191)
  })
  test('bytes go through base64 and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 64 }), (bytes) => {
        const shape = blob(0, 64)
        expect(Buffer.from(shape.decode(shape.encode(bytes)))).toEqual(Buffer.from(bytes))
      }),
    )
  })
  test('whatever JSON arrives, a structure is decoded or refused, never more', () => {
    const shape = struct({
      A: required(string({ min: 1, max: 3 })),
      B: list(integer(0, 9)),
      C: textMap,
      D: struct({ E: boolean }),
      F: blob(1, 2),
      G: timestamp,
    })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record(
            {
              A: fc.jsonValue(),
              B: fc.jsonValue(),
              C: fc.jsonValue(),
              D: fc.jsonValue(),
              F: fc.jsonValue(),
              G: fc.jsonValue(),
            },
            { requiredKeys: [] },
          ),
        ),
        (json) => {
          try {
            validated(shape, json)
          } catch (error) {
            expect(error instanceof SerializationException || error instanceof ValidationException).toBe(true)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('a body', () => {
  test.each(['[]', '1', '"x"', 'null', '{', '{"a":1,}', "{'a':1}", '\ufeff{}'])('%s is not a JSON object', (text) => {
    expect(() => parseBody(utf8(text))).toThrow(SerializationException)
  })
  test('that is not UTF-8 is refused', () => {
    expect(() => parseBody(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))).toThrow(SerializationException)
  })
  test('of no bytes is an empty object', () => {
    expect(parseBody(new Uint8Array())).toEqual({})
  })
})

/** Forms in and XML out, by shape: what a client writes is what the operation reads, and the other way round. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../../lib/bytes.ts'
import { KmsError, SerializationException } from '../../../lib/errors.ts'
import { fieldsOf, membersIn } from '../../../lib/http/form.ts'
import { xmlOf } from '../../../lib/http/xml.ts'
import { list, struct, textMap } from '../../../lib/schema/collections.ts'
import { validated } from '../../../lib/schema/parse.ts'
import { blob, boolean, integer, string, timestamp } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'
import { iam } from '../../../lib/services.ts'

const shape = struct({
  Name: string({ max: 10 }),
  Size: integer(0, 1000),
  On: boolean,
  At: timestamp,
  Bytes: blob(0, 100),
  Names: list(string()),
  Tags: list(struct({ Key: required(string()), Value: string() })),
  Map: textMap,
  Deep: struct({ Name: string(), Lists: list(list(string())) }),
})
const read = (form: string) => validated(shape, membersIn(shape, fieldsOf(utf8(form))))

describe('a form', () => {
  test('gives members of every kind their values', () => {
    const form =
      'Action=X&Name=a+b%2Bc&Size=%2B007&On=1&At=2026-11-24T12:00:00Z&Bytes=AAE%3D&Names.member.2=b&Names.member.1=a&' +
      'Tags.member.1.Value=v&Tags.member.1.Key=k&Map.entry.1.key=__proto__&Map.entry.1.value=x&Deep.Name=n&' +
      'Deep.Lists.member.1.member.1=q&Unknown.member.1=z'
    expect(read(form)).toEqual({
      Name: 'a b+c',
      Size: 7,
      On: true,
      At: Date.parse('2026-11-24T12:00:00Z'),
      Bytes: new Uint8Array([0, 1]),
      Names: ['a', 'b'],
      Tags: [{ Key: 'k', Value: 'v' }],
      Map: Object.assign(Object.create(null), JSON.parse('{"__proto__":"x"}')),
      Deep: { Name: 'n', Lists: [['q']] },
    })
  })
  test('gives an empty list where a client writes an empty field', () => {
    expect(read('Names=')).toEqual({ Names: [] })
  })
  test.each([
    'Size=1.5',
    'Size=1e3',
    'Size=+1+',
    'Size=',
    'Size=99999999999',
    'On=yes',
    'On=TRUE',
    'At=now',
    'At=2026',
    'Bytes=*',
  ])('is refused with %s', (form) => expect(() => read(form)).toThrow(SerializationException))
  test.each([
    'Names.member.0=a',
    'Names.member.2=a',
    'Names.member.1=a&Names.member.3=b',
    'Names.member.01=a',
    'Names.member.x=a',
    'Names.member.1.member.1=a',
    'Name.member.1=a',
    'Map.entry.1.key=a',
    'Map.entry.1.value=a',
    'Name=a&Name=a',
  ])('is refused with %s', (form) => expect(() => read(form)).toThrow(SerializationException))

  test('whatever its bytes, is read or refused by name, in time that its length bounds', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .string({
          unit: fc.constantFrom(...'&=.+%0129', 'Names', 'Tags', 'member', 'Map', 'entry', 'Key'),
          maxLength: 60,
        })
        .map(utf8),
    )
    fc.assert(
      fc.property(bytes, (form) => {
        try {
          membersIn(shape, fieldsOf(form))
        } catch (error) {
          expect(error).toBeInstanceOf(KmsError)
        }
      }),
    )
    const deep = `${'a.'.repeat(200_000)}b=1&${Array.from({ length: 20_000 }, (_, n) => `Names.member.${n * 7}=x`).join('&')}`
    const started = performance.now()
    expect(() => read(deep)).toThrow(SerializationException)
    expect(performance.now() - started).toBeLessThan(2000)
  })
})

describe('an answer', () => {
  const written = (output: typeof shape, value: Parameters<typeof shape.encode>[0]) =>
    xmlOf(iam, { name: 'X', output }, { status: 200, json: output.encode(value) }, 'id-1')
  const whole = (inner: string) =>
    `<XResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><XResult>${inner}</XResult>` +
    '<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></XResponse>'

  test('has members of every kind', () => {
    const value = {
      Name: 'a',
      Size: 7,
      On: false,
      At: Date.parse('2026-11-24T12:00:00.987Z'),
      Bytes: new Uint8Array([0, 1]),
      Names: ['a', 'b'],
      Tags: [{ Key: 'k', Value: '' }],
      Map: { m: 'n' },
      Deep: { Lists: [] },
    }
    expect(written(shape, value)).toBe(
      whole(
        '<Name>a</Name><Size>7</Size><On>false</On><At>2026-11-24T12:00:00Z</At><Bytes>AAE=</Bytes>' +
          '<Names><member>a</member><member>b</member></Names><Tags><member><Key>k</Key><Value></Value></member></Tags>' +
          '<Map><entry><key>m</key><value>n</value></entry></Map><Deep><Lists></Lists></Deep>',
      ),
    )
  })
  test('says of whatever text no more than that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const inner = /<Name>(.*)<\/Name>/s.exec(written(shape, { Name: text }))?.[1] ?? '<'
        expect(inner).not.toMatch(/[<>"']|[^\t\n\x20-\u{10ffff}]|&(?!(?:amp|lt|gt|quot|#39|#13);)/u)
        const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#13': '\r' }
        const back = inner.replace(/&(.*?);/g, (_, name) => entities[name] ?? '')
        if (!inner.includes('\ufffd')) expect(back).toBe(text)
      }),
    )
  })
  test('of an action that answers nothing has no result', () => {
    expect(xmlOf(iam, { name: 'X', output: struct({}) }, { status: 200, json: {} }, 'id-1')).toBe(
      whole('').replace('<XResult></XResult>', ''),
    )
  })
})

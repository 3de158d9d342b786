/** What may become of a value that was right. */
import type { Random } from './random.ts'

const edges = [0, 1, -1, 2 ** 31, 2 ** 53, -(2 ** 63), 1e21, 1.5, 1e308, 5e-324]

const texts = [
  '',
  ' ',
  '\0',
  '\ud800',
  'a\udc00b',
  '\u202e\ufeff',
  '💥'.repeat(40),
  '*',
  '${aws:username}',
  '../../../etc/passwd',
  "' OR 1=1 --",
  '%00%ff%',
  '__proto__',
  'constructor',
  'arn:aws:kms:us-east-1:000000000000:key/',
  'arn:aws:kms:us-east-1:000000000000:alias/x',
  'arn:aws:iam::000000000000:root',
  `arn:${':'.repeat(50)}`,
  'alias/',
  'alias/aws/s3',
  'mrk-00000000000000000000000000000000',
  '00000000-0000-4000-8000-000000000000',
  'SYMMETRIC_DEFAULT',
  '9'.repeat(400),
  'x'.repeat(9000),
  'AAAA',
  'A'.repeat(6000),
  '====',
]

/** JSON texts that no value of ours would be written as. */
const raws = [
  '1e999999',
  '-0',
  '0x10',
  'NaN',
  '"\\ud83d"',
  '"\\u0000"',
  '[[[[[[[[]]]]]]]]',
  `${'['.repeat(3000)}${']'.repeat(3000)}`,
  `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`,
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":{}}}',
  '{"a":1,"a":2}',
  '123456789012345678901234567890',
  '"unterminated',
  '\u2028',
]

export function mutatedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = random.below(Math.max(1, copy.length))
  switch (random.below(6)) {
    case 0:
      return copy.subarray(0, at)
    case 1:
      return Buffer.concat([copy, random.bytes(1 + random.below(40))])
    case 2:
      return Buffer.concat([copy.subarray(0, at), random.bytes(1 + random.below(8)), copy.subarray(at)])
    case 3:
      copy.fill(random.pick([0, 255, 0x30, 0x80]), at, at + 1 + random.below(16))
      return copy
    case 4:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + random.below(16))])
    default:
      for (let flips = 0; flips <= random.below(4); flips++) {
        const index = random.below(Math.max(1, copy.length))
        copy[index] = (copy[index] ?? 0) ^ (1 << random.below(8))
      }
      return copy
  }
}

const looksBase64 = /^[A-Za-z0-9+/_-]{16,}={0,2}$/

export function mutatedText(text: string, random: Random): string {
  if (looksBase64.test(text) && !random.once(4)) {
    return Buffer.from(mutatedBytes(Buffer.from(text, 'base64'), random)).toString('base64')
  }
  // A policy, say: what is in it, changed.
  if (text.startsWith('{') && !random.once(3)) {
    try {
      return writtenJson(mutatedValue(JSON.parse(text), random), random)
    } catch {}
  }
  const at = random.below(text.length + 1)
  switch (random.below(5)) {
    case 0:
      return random.pick(texts)
    case 1:
      return text.slice(0, at) + random.pick(texts) + text.slice(at)
    case 2:
      return text.slice(0, at)
    case 3:
      return text.slice(0, at) + String.fromCharCode(random.below(65_536)) + text.slice(at + 1)
    default:
      return text.repeat(2 + random.below(3))
  }
}

const anything = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => null,
    () => true,
    () => false,
    () => random.pick(edges),
    () => random.pick(texts),
    () => [],
    () => ({}),
    () => [random.pick(texts), random.pick(edges), null],
    () => ({ [random.pick(texts)]: random.pick(texts) }),
    () => Array.from({ length: 300 }, (_, n) => `item ${n}`),
    () => Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`name ${n}`, 'x'])),
  ])()

/** One place of a JSON value changed, now and then several. */
export function mutatedValue(value: unknown, random: Random): unknown {
  if (random.once(8)) return anything(random)
  if (Array.isArray(value)) {
    if (value.length === 0 || random.once(4)) return [...value, ...value, anything(random)]
    const at = random.below(value.length)
    return value.map((each, index) => (index === at ? mutatedValue(each, random) : each))
  }
  if (typeof value === 'object' && value !== null) return mutatedObject({ ...value }, random)
  if (typeof value === 'string') return mutatedText(value, random)
  return anything(random)
}

function mutatedObject(object: Record<string, unknown>, random: Random): unknown {
  const names = Object.keys(object)
  const name = names.length > 0 ? random.pick(names) : undefined
  const what = name === undefined ? 0 : random.below(8)
  if (name === undefined || what === 0) {
    // As a property of its own, whatever its name means to an assignment.
    Object.defineProperty(object, random.pick(texts), { value: anything(random), enumerable: true })
  } else if (what === 1) delete object[name]
  else object[name] = mutatedValue(object[name], random)
  return random.once(4) ? mutatedValue(object, random) : object
}

/** As JSON, seldom with a text in it that no value is written as. */
export function writtenJson(value: unknown, random: Random): string {
  const text = JSON.stringify(value) ?? 'null'
  if (!random.once(6)) return text
  const colons = Array.from(text.matchAll(/":(?:"[^"\\]*"|\d+|true|false|null)/g))
  const place = colons.length > 0 ? random.pick(colons) : undefined
  if (!place) return random.pick(raws)
  return `${text.slice(0, place.index + 2)}${random.pick(raws)}${text.slice(place.index + place[0].length)}`
}

const headerValues = ['', ' ', ',', '\u00ff', 'x'.repeat(5000), 'AWS4-HMAC-SHA256', 'null', '=,=,=', '\t']

export function mutatedHeaders(headers: Readonly<Record<string, string>>, random: Random): Record<string, string> {
  const names = Object.keys(headers)
  const name = random.pick(names)
  const value = headers[name] ?? ''
  switch (random.below(5)) {
    case 0:
      return Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name))
    case 1:
      return { ...headers, [name]: random.pick(headerValues) }
    case 2:
      return { ...headers, [name]: `${value},${value}` }
    case 3:
      return {
        ...headers,
        [random.pick(['x-amz-security-token', 'x-amz-content-sha256', 'date', 'x'])]: random.pick(headerValues),
      }
    default:
      return { ...headers, [name]: mutatedText(value, random) }
  }
}

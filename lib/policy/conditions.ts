/** Condition operators (kms-authz.md §3). */
import ipaddr from 'ipaddr.js'
import { every, not, some, type Truth } from './ternary.ts'
import { expand, type RequestContext, unclear } from './variables.ts'
import { arnMatcherOf, arnParts, matcherOf, type Pattern, patternOf, textOfPattern } from './wildcard.ts'

/** Of a value of the request's. */
type Test = (value: string) => boolean

/** What a variable that stands for nothing is equal to. An unclear one has no test: it cannot be told. */
const never: Test = () => false

interface Row {
  readonly negated: boolean
  /** Whether variables in the policy's values are replaced. */
  readonly expands: boolean
  /** The positive comparison with one of the policy's values; undefined when that cannot be read. */
  readonly against: (literal: Pattern) => Test | undefined
  /** A request value that this refuses matches nothing: neither the operator nor its negation. */
  readonly reads?: (value: string) => boolean
}

/** `2026`, `2026-01-31`, `2026-01-31T12:00Z`, `…:00.123+01:00`: the W3C's profile of ISO 8601. */
const isoDate = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?)?)?$/
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

function numberOf(text: string): number | undefined {
  const number = decimal.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(number) ? number : undefined
}

function timeOf(text: string): number | undefined {
  const [whole, year, month, day] = isoDate.exec(text) ?? []
  if (whole === undefined) {
    const seconds = numberOf(text)
    return seconds === undefined ? undefined : Math.round(seconds * 1000)
  }
  // Date.parse takes 30 February for 2 March.
  const date = new Date(`${year}-${month ?? '01'}-${day ?? '01'}`)
  const time = Date.parse(whole)
  return Number.isNaN(time) || (day !== undefined && date.getUTCDate() !== Number(day)) ? undefined : time
}

const isTrue = (text: string): boolean => text.toLowerCase() === 'true'

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const bytesOf = (text: string): Buffer | undefined => (base64.test(text) ? Buffer.from(text, 'base64') : undefined)

/** The library also takes octal, hexadecimal and short forms, which AWS does not. */
function addressOf(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (text.includes('.') && !text.includes(':')) {
    return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : undefined
  }
  return text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined
}

/** An IPv4-mapped address is its IPv4 address. */
function requestAddressOf(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const address = addressOf(text)
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

function inNetwork(literal: Pattern): Test | undefined {
  const [text = '', mask, ...more] = textOfPattern(literal).split('/')
  const network = addressOf(text)
  if (!network || more.length > 0 || (mask !== undefined && !/^\d{1,3}$/.test(mask))) return
  const length = network.toByteArray().length * 8
  const bits = mask === undefined ? length : Number(mask)
  if (bits > length) return
  // An IPv4 network's host bits are ignored; an IPv6 network that has any set never matches.
  if (network instanceof ipaddr.IPv6) {
    const first = ipaddr.IPv6.networkAddressFromCIDR(`${text}/${bits}`)
    if (first.toNormalizedString() !== network.toNormalizedString()) return never
  }
  return (value) => {
    const address = requestAddressOf(value)
    return address !== undefined && address.kind() === network.kind() && address.match(network, bits)
  }
}

type Comparison = Omit<Row, 'negated'>

const exact: Comparison = {
  expands: true,
  against: (literal) => {
    const wanted = textOfPattern(literal)
    return (value) => value === wanted
  },
}
const ignoringCase: Comparison = {
  expands: true,
  against: (literal) => {
    const wanted = textOfPattern(literal).toLowerCase()
    return (value) => value.toLowerCase() === wanted
  },
}
const like: Comparison = { expands: true, against: matcherOf }

type Relation = (left: number, right: number) => boolean
/** A request's value that cannot be read is unequal to all. */
const ordered = (read: (text: string) => number | undefined, relation: Relation): Comparison => ({
  expands: false,
  against: (literal) => {
    const right = read(textOfPattern(literal))
    if (right === undefined) return
    return (value) => {
      const left = read(value)
      return left !== undefined && relation(left, right)
    }
  },
})
const equal: Relation = (left, right) => left === right
const less: Relation = (left, right) => left < right
const lessOrEqual: Relation = (left, right) => left <= right
const greater: Relation = (left, right) => left > right
const greaterOrEqual: Relation = (left, right) => left >= right

/** Whatever is not `true` is false, in a request; in a policy it must be one of the two. */
const truth: Comparison = {
  expands: false,
  against: (literal) => {
    const wanted = textOfPattern(literal).toLowerCase()
    if (wanted === 'true') return isTrue
    return wanted === 'false' ? (value) => !isTrue(value) : undefined
  },
}
/** A policy's value that is no base64 is unequal to all. */
const bytes: Comparison = {
  expands: false,
  against: (literal) => {
    const wanted = bytesOf(textOfPattern(literal))
    return (value) => wanted !== undefined && bytesOf(value)?.equals(wanted) === true
  },
}
const network: Comparison = {
  expands: false,
  against: inNetwork,
  reads: (value) => requestAddressOf(value) !== undefined,
}
const arn: Comparison = {
  expands: true,
  against: (literal) => {
    const parts = arnParts(literal)
    return parts.length === 6 ? arnMatcherOf(parts) : undefined
  },
  reads: (value) => arnParts(patternOf(value)).length === 6,
}

const is = (comparison: Comparison): Row => ({ ...comparison, negated: false })
const isNot = (comparison: Comparison): Row => ({ ...comparison, negated: true })

const rows = {
  StringEquals: is(exact),
  StringNotEquals: isNot(exact),
  StringEqualsIgnoreCase: is(ignoringCase),
  StringNotEqualsIgnoreCase: isNot(ignoringCase),
  StringLike: is(like),
  StringNotLike: isNot(like),
  NumericEquals: is(ordered(numberOf, equal)),
  NumericNotEquals: isNot(ordered(numberOf, equal)),
  NumericLessThan: is(ordered(numberOf, less)),
  NumericLessThanEquals: is(ordered(numberOf, lessOrEqual)),
  NumericGreaterThan: is(ordered(numberOf, greater)),
  NumericGreaterThanEquals: is(ordered(numberOf, greaterOrEqual)),
  DateEquals: is(ordered(timeOf, equal)),
  DateNotEquals: isNot(ordered(timeOf, equal)),
  DateLessThan: is(ordered(timeOf, less)),
  DateLessThanEquals: is(ordered(timeOf, lessOrEqual)),
  DateGreaterThan: is(ordered(timeOf, greater)),
  DateGreaterThanEquals: is(ordered(timeOf, greaterOrEqual)),
  Bool: is(truth),
  BinaryEquals: is(bytes),
  IpAddress: is(network),
  NotIpAddress: isNot(network),
  ArnEquals: is(arn),
  ArnLike: is(arn),
  ArnNotEquals: isNot(arn),
  ArnNotLike: isNot(arn),
  // Its request value is whether the key is absent.
  Null: is(truth),
} as const satisfies Record<string, Row>

const byName: ReadonlyMap<string, Row> = new Map(Object.entries(rows).map(([name, row]) => [name.toLowerCase(), row]))

export interface Operator {
  readonly row: Row
  readonly set: 'all' | 'any' | undefined
  readonly ifExists: boolean
}

const operatorName = /^(forallvalues:|foranyvalue:)?(\w+?)(ifexists)?$/

/** Undefined for a name that is no operator. */
export function parseOperator(name: string): Operator | undefined {
  const [, prefix, base = '', suffix] = operatorName.exec(name.toLowerCase()) ?? []
  const row = byName.get(base)
  const ifExists = suffix !== undefined
  if (!row || (ifExists && row === rows.Null)) return
  return { row, set: prefix === undefined ? undefined : prefix === 'forallvalues:' ? 'all' : 'any', ifExists }
}

export interface Condition {
  /** As the policy has it. */
  readonly name: string
  /** Absent when nobody knows the name. */
  readonly operator?: Operator
  /** Lower-case. */
  readonly key: string
  readonly values: readonly string[]
}

/** Whether the operator can read the policy's own values; what a variable will stand for cannot be told. */
export const areReadable = ({ row }: Operator, values: readonly string[]): boolean =>
  row.expands || values.every((value) => row.against(patternOf(value)) !== undefined)

type Tests = readonly (Test | undefined)[]

/** Of the conditions whose values hold no variable: made once, not once a request. */
const preparations = new WeakMap<Condition, Tests>()

function testsOf(condition: Condition, row: Row, context: RequestContext, variables: boolean): Tests {
  const found = preparations.get(condition)
  if (found) return found
  const { values } = condition
  const expands = row.expands && variables
  const tests = values.map((literal) => {
    const pattern = expands ? expand(literal, context) : patternOf(literal)
    return pattern === unclear ? undefined : pattern ? row.against(pattern) : never
  })
  if (!expands || !values.some((literal) => literal.includes('${'))) preparations.set(condition, tests)
  return tests
}

/** Undefined, cannot be told, for an unknown operator and where a value of the policy's that matters is unreadable. */
export function holds(condition: Condition, context: RequestContext, variables: boolean): Truth {
  const { operator, key } = condition
  if (!operator) return
  const { row, set, ifExists } = operator
  const value = context.get(key)
  if (value === unclear && row !== rows.Null) return
  const found = value === unclear ? '' : value
  const present = typeof found === 'string' ? [found] : (found ?? [])
  const isAbsent = present.length === 0

  const tests = testsOf(condition, row, context, variables)
  const test = (value: string): Truth => {
    if (row.reads && !row.reads(value)) return false
    const positive = some(tests, (each) => each?.(value))
    return row.negated ? not(positive) : positive
  }

  if (row === rows.Null) return test(String(isAbsent))
  if (set === 'all') return isAbsent || every(present, test)
  if (set === 'any') return (ifExists && isAbsent) || some(present, test)
  if (isAbsent) return ifExists || row.negated
  // A list is only ever matched by a set operator, however many elements it has.
  return typeof found === 'string' && test(found)
}

/** What a policy's text says, read into what `decide` needs. */
import { type Condition, parseOperator } from './conditions.ts'
import { type Dialect, faultOf, maxPolicyBytes } from './dialects.ts'
import { parseUnambiguous } from './json.ts'
import { type Principal, parsePrincipal } from './principals.ts'

/** `except`: everything but these, as NotAction and its kin say. */
export interface Selection<T> {
  readonly except: boolean
  readonly of: readonly T[]
}

export interface Statement {
  readonly sid?: string
  readonly effect: 'Allow' | 'Deny'
  /** Absent in an identity policy, which speaks of whom it is attached to. */
  readonly principals?: Selection<Principal>
  /** Lower-case: `*`, or a vendor and a pattern. */
  readonly actions: Selection<string>
  readonly resources: Selection<string>
  readonly conditions: readonly Condition[]
}

export interface PolicyDocument {
  /** Variables are replaced in 2012-10-17 only; in 2008-10-17, the default, they are literal text. */
  readonly version: '2012-10-17' | '2008-10-17'
  readonly id?: string
  readonly statements: readonly Statement[]
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function demandMembers(dialect: Dialect, json: Json, known: readonly string[]): void {
  const stranger = Object.keys(json).find((name) => !known.includes(name))
  if (stranger !== undefined) throw faultOf(dialect, 'unknown field', stranger)
}

function optionalText(dialect: Dialect, json: Json, field: string): string | undefined {
  const value = json[field]
  if (value === undefined || typeof value === 'string') return value
  throw faultOf(dialect, 'type', `${field} must be a string.`)
}

/** One text, or a list of them. */
function textsOf(dialect: Dialect, value: unknown, field: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((each) => {
    if (typeof each === 'string' && each !== '') return each
    throw faultOf(dialect, 'type', `${field} must be a string or a list of strings.`)
  })
}

function selectionOf(dialect: Dialect, json: Json, field: string): Selection<string> {
  const chosen = [field, `Not${field}`].filter((name) => json[name] !== undefined)
  const [name] = chosen
  if (name === undefined) throw faultOf(dialect, 'missing', field)
  if (chosen.length > 1) throw faultOf(dialect, 'both', field)
  const of = textsOf(dialect, json[name], name)
  if (of.length === 0) throw faultOf(dialect, 'missing', field)
  return { except: name !== field, of }
}

function demandAction(dialect: Dialect, action: string): void {
  if (action === '*') return
  const [vendor = '', name, ...more] = action.split(':')
  if (!name || vendor === '') throw faultOf(dialect, 'vendor')
  if (more.length > 0) throw faultOf(dialect, 'colons')
  // A wildcard in the vendor would make "not this service" a matter of spelling.
  if (!/^[a-z0-9-]+$/i.test(vendor)) throw faultOf(dialect, 'vendor pattern', vendor)
}

function actionsOf(dialect: Dialect, json: Json): Selection<string> {
  const { except, of } = selectionOf(dialect, json, 'Action')
  for (const action of of) demandAction(dialect, action)
  return { except, of: of.map((action) => action.toLowerCase()) }
}

function principalsOf(dialect: Dialect, json: Json, effect: Statement['effect']): Selection<Principal> {
  const { Principal: only, NotPrincipal: except } = json
  if (only !== undefined && except !== undefined) throw faultOf(dialect, 'both', 'Principal')
  // It would let in everyone else, in every account.
  if (except !== undefined && effect === 'Allow') throw faultOf(dialect, 'NotPrincipal with Allow')
  const value = only ?? except
  if (value === undefined || value === null || value === '') throw faultOf(dialect, 'no principal')
  const byType = value === '*' ? { AWS: '*' } : value
  if (!isObject(byType)) throw faultOf(dialect, 'invalid principal', `"AWS":${JSON.stringify(value).slice(0, 200)}`)
  const of = Object.entries(byType).flatMap(([type, values]) =>
    textsOf(dialect, values, 'Principal').map((text) => {
      const principal = dialect.principalTypes.some((each) => each === type) ? parsePrincipal(type, text) : undefined
      if (principal) return principal
      throw faultOf(dialect, 'invalid principal', `"${type}":"${text}"`)
    }),
  )
  if (of.length === 0) throw faultOf(dialect, 'no principal')
  return { except: only === undefined, of }
}

function conditionValues(dialect: Dialect, value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw faultOf(dialect, 'type', 'A condition key must have a value.')
  return list.map((each) => {
    if (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean') return String(each)
    throw faultOf(dialect, 'type', 'A condition value must be a string, a number or a boolean.')
  })
}

function conditionsOf(dialect: Dialect, value: unknown): readonly Condition[] {
  if (value === undefined) return []
  if (!isObject(value)) throw faultOf(dialect, 'type', 'Condition must be an object.')
  return Object.entries(value).flatMap(([name, keys]) => {
    if (!isObject(keys)) throw faultOf(dialect, 'type', 'A condition operator must be followed by an object.')
    const operator = parseOperator(name)
    return Object.entries(keys).map(([key, values]) => ({
      name,
      key: key.toLowerCase(),
      values: conditionValues(dialect, values),
      ...(operator && { operator }),
    }))
  })
}

/** A trust policy is about the role that it belongs to. */
const itself: Selection<string> = { except: false, of: ['*'] }

function statementOf(dialect: Dialect, json: unknown): Statement {
  if (!isObject(json)) throw faultOf(dialect, 'not a statement')
  demandMembers(dialect, json, dialect.fields)
  const sid = optionalText(dialect, json, 'Sid')
  const effect = json.Effect
  if (effect === undefined) throw faultOf(dialect, 'missing', 'Effect')
  if (effect !== 'Allow' && effect !== 'Deny') throw faultOf(dialect, 'effect')
  return {
    ...(sid !== undefined && { sid }),
    effect,
    ...(dialect.principalTypes.length > 0 && { principals: principalsOf(dialect, json, effect) }),
    actions: actionsOf(dialect, json),
    resources: dialect.fields.includes('Resource') ? selectionOf(dialect, json, 'Resource') : itself,
    conditions: conditionsOf(dialect, json.Condition),
  }
}

/**
 * Reads a policy's text.
 * @throws what the dialect says when it is no policy, or too large to be read
 */
export function readPolicy(text: string, dialect: Dialect): PolicyDocument {
  if (Buffer.byteLength(text) > maxPolicyBytes) throw dialect.tooLarge()
  const json = parseUnambiguous(text)
  if (!isObject(json)) throw faultOf(dialect, 'json')
  demandMembers(dialect, json, ['Version', 'Id', 'Statement'])
  const id = optionalText(dialect, json, 'Id')
  const version = json.Version ?? '2008-10-17'
  if (version !== '2012-10-17' && version !== '2008-10-17') throw faultOf(dialect, 'version')
  const list: readonly unknown[] = Array.isArray(json.Statement) ? json.Statement : [json.Statement]
  if (json.Statement === undefined || list.length === 0) throw faultOf(dialect, 'missing', 'Statement')
  const statements = list.map((statement) => statementOf(dialect, statement))
  const sids = statements.flatMap(({ sid }) => (sid === undefined ? [] : [sid]))
  if (new Set(sids).size < sids.length) throw faultOf(dialect, 'Sid twice')
  return { version, ...(id !== undefined && { id }), statements }
}

/** A policy's text, read into what `decide` needs. */
import { KmsError, LimitExceededException, MalformedPolicyDocumentException } from '../errors.ts'
import { areReadable, type Condition, parseOperator } from './conditions.ts'
import { parseUnambiguous } from './json.ts'
import { invalidPrincipalMessage, noPrincipalMessage } from './messages.ts'
import { isKnownService, type Principal, parsePrincipal } from './principals.ts'

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

export const maxPolicyBytes = 32_768

type Json = Readonly<Record<string, unknown>>

const malformed = (message: string): MalformedPolicyDocumentException => new MalformedPolicyDocumentException(message)

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function demandMembers(json: Json, known: readonly string[]): void {
  const stranger = Object.keys(json).find((name) => !known.includes(name))
  if (stranger !== undefined) throw malformed('Policy contains an unknown field.')
}

function optionalText(json: Json, field: string): string | undefined {
  const value = json[field]
  if (value === undefined || typeof value === 'string') return value
  throw malformed(`${field} must be a string.`)
}

/** One text, or a list of them. */
function textsOf(value: unknown, field: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((each) => {
    if (typeof each !== 'string' || each === '') throw malformed(`${field} must be a string or a list of strings.`)
    return each
  })
}

function selectionOf(json: Json, field: string): Selection<string> {
  const chosen = [field, `Not${field}`].filter((name) => json[name] !== undefined)
  const [name] = chosen
  if (name === undefined) throw malformed(`Missing required field ${field}`)
  if (chosen.length > 1) throw malformed(`A statement must not have both ${field} and Not${field}.`)
  const of = textsOf(json[name], name)
  if (of.length === 0) throw malformed(`Missing required field ${field}`)
  return { except: name !== field, of }
}

/** A wildcard in the vendor would make "not this service" a matter of spelling. */
const actionPattern = /^(?:\*|[a-z0-9-]+:[^:]+)$/

function actionsOf(json: Json): Selection<string> {
  const { except, of } = selectionOf(json, 'Action')
  const actions = of.map((action) => action.toLowerCase())
  if (!actions.every((action) => actionPattern.test(action))) {
    throw malformed('An action must be * or prefaced by a vendor, e.g., kms, and have one colon.')
  }
  return { except, of: actions }
}

function principalsOf(json: Json, effect: Statement['effect']): Selection<Principal> {
  const { Principal: only, NotPrincipal: except } = json
  if (only !== undefined && except !== undefined) {
    throw malformed('A statement must not have both Principal and NotPrincipal.')
  }
  // It would let in everyone else, in every account.
  if (except !== undefined && effect === 'Allow') {
    throw malformed('NotPrincipal is not supported with the effect Allow.')
  }
  const value = only ?? except
  if (value === undefined || value === null || value === '') throw malformed(noPrincipalMessage)
  const byType = value === '*' ? { AWS: '*' } : value
  if (!isObject(byType)) throw malformed(invalidPrincipalMessage)
  const of = Object.entries(byType).flatMap(([type, values]) =>
    textsOf(values, 'Principal').map((text) => {
      const principal = parsePrincipal(type, text)
      if (!principal) throw malformed(invalidPrincipalMessage)
      return principal
    }),
  )
  if (of.length === 0) throw malformed(noPrincipalMessage)
  return { except: only === undefined, of }
}

function conditionValues(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw malformed('A condition key must have a value.')
  return list.map((each) => {
    if (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean') return String(each)
    throw malformed('A condition value must be a string, a number or a boolean.')
  })
}

function conditionsOf(value: unknown): readonly Condition[] {
  if (value === undefined) return []
  if (!isObject(value)) throw malformed('Condition must be an object.')
  return Object.entries(value).flatMap(([name, keys]) => {
    if (!isObject(keys)) throw malformed('A condition operator must be followed by an object.')
    const operator = parseOperator(name)
    return Object.entries(keys).map(([key, values]) => ({
      name,
      key: key.toLowerCase(),
      values: conditionValues(values),
      ...(operator && { operator }),
    }))
  })
}

type Kind = 'key' | 'identity'
const statementMembers = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']
const principalMembers = ['Principal', 'NotPrincipal']

function statementOf(json: unknown, kind: Kind): Statement {
  if (!isObject(json)) throw malformed('A statement must be an object.')
  demandMembers(json, kind === 'key' ? [...statementMembers, ...principalMembers] : statementMembers)
  const sid = optionalText(json, 'Sid')
  const effect = json.Effect
  if (effect === undefined) throw malformed('Missing required field Effect')
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed('Effect must be Allow or Deny.')
  return {
    ...(sid !== undefined && { sid }),
    effect,
    ...(kind === 'key' && { principals: principalsOf(json, effect) }),
    actions: actionsOf(json),
    resources: selectionOf(json, 'Resource'),
    conditions: conditionsOf(json.Condition),
  }
}

function documentOf(text: string, kind: Kind): PolicyDocument {
  if (Buffer.byteLength(text) > maxPolicyBytes) {
    throw new LimitExceededException(`The policy is larger than ${maxPolicyBytes} bytes.`)
  }
  const json = parseUnambiguous(text)
  if (!isObject(json)) throw malformed('Policy document is not valid JSON.')
  demandMembers(json, ['Version', 'Id', 'Statement'])
  const id = optionalText(json, 'Id')
  const version = json.Version ?? '2008-10-17'
  if (version !== '2012-10-17' && version !== '2008-10-17') throw malformed('Version must be 2012-10-17 or 2008-10-17.')
  const list: readonly unknown[] = Array.isArray(json.Statement) ? json.Statement : [json.Statement]
  if (json.Statement === undefined || list.length === 0) throw malformed('Missing required field Statement')
  const statements = list.map((statement) => statementOf(statement, kind))
  const sids = statements.flatMap(({ sid }) => (sid === undefined ? [] : [sid]))
  if (new Set(sids).size < sids.length) throw malformed('Statement IDs (SID) in a single policy must be unique.')
  return { version, ...(id !== undefined && { id }), statements }
}

/** Keys with one value, where an author who writes ForAllValues lets in every request that lacks them. */
const isSingleValued = (key: string): boolean =>
  key.startsWith('kms:encryptioncontext:') || key.startsWith('aws:requesttag/')

function demandUsable({ name, operator, key, values }: Condition): void {
  if (!operator) throw malformed(`Policy contains an unknown condition operator: ${name}`)
  if (!areReadable(operator, values)) throw malformed(`Policy contains a value that ${name} cannot compare.`)
  if (operator.set === 'all' && isSingleValued(key)) {
    throw malformed(
      `OverlyPermissiveCondition: ForAllValues with the single-valued condition key ${key} also matches requests ` +
        'that do not contain the key. Remove ForAllValues.',
    )
  }
}

/** Everyone a key policy names, NotPrincipal included. */
export const principalsIn = (document: PolicyDocument): readonly Principal[] =>
  document.statements.flatMap((statement) => statement.principals?.of ?? [])

/**
 * A key policy that somebody wants to save (kms-authz.md §6).
 * @param options.exists asked for every principal but `*` and services; without it the form alone is checked
 * @throws MalformedPolicyDocumentException, LimitExceededException
 */
export function parseKeyPolicy(
  text: string,
  options: { exists?: (principal: Principal) => boolean } = {},
): PolicyDocument {
  const document = documentOf(text, 'key')
  for (const { conditions } of document.statements) conditions.forEach(demandUsable)
  for (const principal of principalsIn(document)) {
    const isKnown =
      principal.kind === 'SERVICE'
        ? isKnownService(principal.text)
        : principal.kind === 'ANYONE' || (options.exists?.(principal) ?? true)
    if (!isKnown) throw malformed(invalidPrincipalMessage)
  }
  return document
}

function readStored(text: string, kind: Kind): PolicyDocument | undefined {
  try {
    return documentOf(text, kind)
  } catch (thrown) {
    if (thrown instanceof KmsError) return
    throw thrown
  }
}

/**
 * A key policy from the store; undefined when it cannot be read, which `decide` takes as letting nobody in.
 * @param ids unique ids of the users and roles it names, by the principal's text, as they were when it was saved
 */
export function parseStoredPolicy(text: string, ids?: ReadonlyMap<string, string>): PolicyDocument | undefined {
  const document = readStored(text, 'key')
  if (!document || !ids) return document
  const bound = (principal: Principal): Principal => {
    const id = ids.get(principal.text)
    return id === undefined ? principal : { ...principal, id }
  }
  const statements = document.statements.map((statement) => {
    const { principals } = statement
    return principals ? { ...statement, principals: { ...principals, of: principals.of.map(bound) } } : statement
  })
  return { ...document, statements }
}

/** An identity or session policy or a boundary from the store; undefined when it cannot be read. */
export const parseStoredIdentityPolicy = (text: string): PolicyDocument | undefined => readStored(text, 'identity')

/** Policies as somebody wants to save them, and as they are found in the store (kms-authz.md §6). */
import { KmsError } from '../errors.ts'
import { areReadable, type Condition } from './conditions.ts'
import { type Dialect, dialects, faultOf } from './dialects.ts'
import { type PolicyDocument, readPolicy } from './document.ts'
import { isKnownService, type Principal, typeOf } from './principals.ts'

/** Keys with one value, where an author who writes ForAllValues lets in every request that lacks them. */
const isSingleValued = (key: string): boolean =>
  key.startsWith('kms:encryptioncontext:') || key.startsWith('aws:requesttag/')

function demandUsable(dialect: Dialect, { name, operator, key, values }: Condition): void {
  if (!operator) throw faultOf(dialect, 'operator', name)
  if (!areReadable(operator, values)) throw faultOf(dialect, 'value', name)
  if (dialect === dialects.key && operator.set === 'all' && isSingleValued(key)) {
    throw new dialect.error(
      `OverlyPermissiveCondition: ForAllValues with the single-valued condition key ${key} also matches requests ` +
        'that do not contain the key. Remove ForAllValues.',
    )
  }
}

/** Everyone a policy names, NotPrincipal included. */
export const principalsIn = (document: PolicyDocument): readonly Principal[] =>
  document.statements.flatMap((statement) => statement.principals?.of ?? [])

interface KnownPrincipals {
  /** Asked for every account, user, role, session and OIDC provider; without it the form alone is checked. */
  readonly exists?: (principal: Principal) => boolean
}

function demandPrincipals(dialect: Dialect, document: PolicyDocument, { exists = () => true }: KnownPrincipals): void {
  for (const principal of principalsIn(document)) {
    const { kind, text } = principal
    const isKnown = kind === 'SERVICE' ? isKnownService(text) : kind === 'ANYONE' || exists(principal)
    if (!isKnown) throw faultOf(dialect, 'invalid principal', `"${typeOf(principal)}":"${text}"`)
  }
}

function savable(text: string, dialect: Dialect): PolicyDocument {
  const document = readPolicy(text, dialect)
  for (const { conditions } of document.statements) for (const each of conditions) demandUsable(dialect, each)
  return document
}

/** @throws MalformedPolicyDocumentException, LimitExceededException */
export function parseKeyPolicy(text: string, known: KnownPrincipals = {}): PolicyDocument {
  const document = savable(text, dialects.key)
  demandPrincipals(dialects.key, document, known)
  return document
}

/** IAM is stricter about a Sid than KMS. */
function demandPlainSids(document: PolicyDocument, dialect: Dialect): void {
  if (document.statements.every(({ sid = '' }) => /^[0-9A-Za-z]*$/.test(sid))) return
  throw new dialect.error(
    'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
  )
}

function demandVendors(document: PolicyDocument, dialect: Dialect): void {
  for (const { key } of document.statements.flatMap(({ conditions }) => conditions)) {
    if (!/^[^:]+:./.test(key)) throw faultOf(dialect, 'vendor')
  }
}

/**
 * A policy of a user, role or group, a boundary or a session policy. How much an identity may have in all is not asked.
 * @throws MalformedPolicyDocument
 */
export function parseIdentityPolicy(text: string): PolicyDocument {
  const dialect = dialects.identity
  const document = savable(text, dialect)
  if (document.version !== '2012-10-17') {
    throw new dialect.error('Policy document must be version 2012-10-17 or greater.')
  }
  demandPlainSids(document, dialect)
  demandVendors(document, dialect)
  for (const resource of document.statements.flatMap(({ resources }) => resources.of)) {
    if (resource === '*' || resource.startsWith('arn:')) continue
    throw new dialect.error(`Resource ${resource} must be in ARN format or "*".`)
  }
  return document
}

/**
 * The policy that says who may assume a role.
 * @throws MalformedPolicyDocument
 */
export function parseTrustPolicy(text: string, known: KnownPrincipals = {}): PolicyDocument {
  const dialect = dialects.trust
  const document = savable(text, dialect)
  demandPlainSids(document, dialect)
  demandVendors(document, dialect)
  if (document.statements.some(({ actions }) => !actions.of.every((action) => action.startsWith('sts:')))) {
    throw new dialect.error('AssumeRole policy may only specify STS AssumeRole actions.')
  }
  demandPrincipals(dialect, document, known)
  return document
}

function readStored(text: string, dialect: Dialect): PolicyDocument | undefined {
  try {
    return readPolicy(text, dialect)
  } catch (thrown) {
    if (thrown instanceof KmsError) return
    throw thrown
  }
}

/** The unique id of each user and role that a policy names, by the principal's text, as they were when it was saved. */
export type PrincipalIds = Readonly<Record<string, string>>

function bound(document: PolicyDocument | undefined, ids: PrincipalIds | undefined): PolicyDocument | undefined {
  if (!document || !ids) return document
  const withId = (principal: Principal): Principal => {
    const id = Object.hasOwn(ids, principal.text) ? ids[principal.text] : undefined
    return id === undefined ? principal : { ...principal, id }
  }
  const statements = document.statements.map((statement) => {
    const { principals } = statement
    return principals ? { ...statement, principals: { ...principals, of: principals.of.map(withId) } } : statement
  })
  return { ...document, statements }
}

/** A key policy from the store; undefined when it cannot be read, which `decide` takes as letting nobody in. */
export const parseStoredPolicy = (text: string, ids?: PrincipalIds): PolicyDocument | undefined =>
  bound(readStored(text, dialects.key), ids)

/** A role's trust policy from the store; undefined when it cannot be read. */
export const parseStoredTrustPolicy = (text: string, ids?: PrincipalIds): PolicyDocument | undefined =>
  bound(readStored(text, dialects.trust), ids)

/** An identity or session policy or a boundary from the store; undefined when it cannot be read. */
export const parseStoredIdentityPolicy = (text: string): PolicyDocument | undefined =>
  readStored(text, dialects.identity)

type ReadStored = (text: string, ids?: PrincipalIds) => PolicyDocument | undefined

const maxRemembered = 1000

/** A policy is read once, not once a request; the same words about others are another policy. */
export function remembering(read: ReadStored): ReadStored {
  const documents = new Map<string, PolicyDocument | undefined>()
  return (text, ids) => {
    const name = ids ? `${JSON.stringify(ids)}\0${text}` : text
    if (documents.has(name)) return documents.get(name)
    if (documents.size >= maxRemembered) documents.clear()
    const document = read(text, ids)
    documents.set(name, document)
    return document
  }
}

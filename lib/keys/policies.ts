import type { Place } from '../arn.ts'
import { MalformedPolicyDocumentException, NotFoundException } from '../errors.ts'
import type { Directory } from '../identity/ports.ts'
import { idsOf, isThere } from '../identity/principals.ts'
import { defaultKeyPolicy } from '../policy/default-policy.ts'
import type { PolicyDocument } from '../policy/document.ts'
import { lockoutMessage } from '../policy/messages.ts'
import { parseKeyPolicy, parseStoredPolicy, principalsIn, remembering } from '../policy/policies.ts'
import type { Key } from './key.ts'

interface PolicyInput {
  readonly Policy?: string | undefined
  readonly BypassPolicyLockoutSafetyCheck: boolean
}

/**
 * The policy to store: the one that was given, found to be sound, or the default; with the unique ids of whom it names,
 * so that it never comes to speak of somebody else.
 * @param permits whether the caller could do an action under a policy that is not stored yet
 * @throws MalformedPolicyDocumentException, LimitExceededException (kms-authz.md §6)
 */
export async function policyFor(
  input: PolicyInput,
  place: Place,
  permits: (action: string, policy: PolicyDocument) => boolean,
  directory: Directory,
): Promise<Pick<Key, 'policy' | 'principalIds'>> {
  if (input.Policy === undefined) return { policy: defaultKeyPolicy(place) }
  const { document, principalIds } = await soundIn(input.Policy, directory)
  if (!input.BypassPolicyLockoutSafetyCheck && !permits('kms:PutKeyPolicy', document)) {
    throw new MalformedPolicyDocumentException(lockoutMessage)
  }
  return { policy: input.Policy, principalIds }
}

async function soundIn(text: string, directory: Directory) {
  const principalIds = await idsOf(principalsIn(parseKeyPolicy(text)), directory)
  const document = parseKeyPolicy(text, {
    exists: (principal) => directory.hasOthers || isThere(principal, principalIds),
  })
  return { document, principalIds }
}

const documentOf = remembering(parseStoredPolicy)

/** A key's policy, about whom it was made for; undefined when it cannot be read, which lets nobody in. */
export const keyPolicyOf = ({ policy, principalIds }: Key): PolicyDocument | undefined =>
  documentOf(policy, principalIds)

/** A key from another Region, whose policy means whom it names here. @throws MalformedPolicyDocumentException */
export async function withPolicyHere(key: Key, directory: Directory): Promise<Key> {
  if (!key.principalIds) return key
  return { ...key, principalIds: (await soundIn(key.policy, directory)).principalIds }
}

/** A key has one policy, named `default`. @throws NotFoundException */
export function demandDefaultName(input: { readonly PolicyName: string }): void {
  if (input.PolicyName !== 'default') throw new NotFoundException('No such policy exists')
}

/**
 * A key policy as it is read: whoever it names by an ARN is shown as what became of him, his unique id when he is gone.
 * Who has an ARN since is not meant.
 */
export async function shownPolicy({ policy, principalIds = {} }: Key, directory: Directory): Promise<string> {
  const shown = new Map<string, string>()
  for (const [text, id] of Object.entries(principalIds)) {
    if (!text.startsWith('arn:') || !text.includes(':iam:')) continue
    const now = (await directory.find(id))?.arn ?? id
    if (now !== text) shown.set(text, now)
  }
  return shown.size === 0 ? policy : JSON.stringify(renamed(JSON.parse(policy), shown), undefined, 2)
}

type Json = Record<string, unknown>

/** The document with other names in its statements' principals, and there only. */
function renamed(document: Json, names: ReadonlyMap<string, string>): Json {
  const nameOf = (text: unknown): unknown => names.get(String(text)) ?? text
  const ofType = (texts: unknown): unknown => (Array.isArray(texts) ? texts.map(nameOf) : nameOf(texts))
  const inPrincipals = (principals: unknown): unknown =>
    typeof principals === 'object' && principals !== null
      ? Object.fromEntries(Object.entries(principals).map(([type, texts]) => [type, ofType(texts)]))
      : principals
  const statements = (Array.isArray(document.Statement) ? document.Statement : [document.Statement]) as Json[]
  const Statement = statements.map((statement) =>
    Object.fromEntries(
      Object.entries(statement).map(([field, value]) => [
        field,
        /^(?:Not)?Principal$/.test(field) ? inPrincipals(value) : value,
      ]),
    ),
  )
  return { ...document, Statement }
}

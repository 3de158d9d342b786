import type { Place } from '../arn.ts'
import { MalformedPolicyDocumentException, NotFoundException } from '../errors.ts'
import { defaultKeyPolicy } from '../policy/default-policy.ts'
import type { PolicyDocument } from '../policy/document.ts'
import { lockoutMessage } from '../policy/messages.ts'
import { parseKeyPolicy } from '../policy/policies.ts'

interface PolicyInput {
  readonly Policy?: string | undefined
  readonly BypassPolicyLockoutSafetyCheck: boolean
}

/**
 * The policy text to store: the one that was given, found to be sound, or the default.
 * @param permits whether the caller could do an action under a policy that is not stored yet
 * @throws MalformedPolicyDocumentException, LimitExceededException (kms-authz.md §6)
 */
export function policyFor(
  input: PolicyInput,
  place: Place,
  permits: (action: string, policy: PolicyDocument) => boolean,
): string {
  if (input.Policy === undefined) return defaultKeyPolicy(place)
  // Accounts are the only principals that there are: AWS, too, refuses a policy that names somebody who does not exist.
  const document = parseKeyPolicy(input.Policy, { exists: ({ kind }) => kind === 'ACCOUNT' })
  if (!input.BypassPolicyLockoutSafetyCheck && !permits('kms:PutKeyPolicy', document)) {
    throw new MalformedPolicyDocumentException(lockoutMessage)
  }
  return input.Policy
}

/** A key has one policy, named `default`. @throws NotFoundException */
export function demandDefaultName(input: { readonly PolicyName: string }): void {
  if (input.PolicyName !== 'default') throw new NotFoundException('No such policy exists')
}

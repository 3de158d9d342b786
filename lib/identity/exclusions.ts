/** The policies that a simulation leaves out. */
import { parseArn } from '../arn.ts'
import { InvalidInput } from '../errors.ts'
import { matches, patternOf } from '../policy/wildcard.ts'
import type { HeldPolicy } from './simulations.ts'

interface Identifier {
  readonly PolicyType?: string | undefined
  readonly PolicyArn?: string | undefined
  readonly InlinePolicyIdentifier?:
    | { readonly PolicyName: string; readonly AttachmentType: string; readonly AttachmentName: string }
    | undefined
}

/** @throws InvalidInput for an ARN of no policy, and for a wildcard that is not in its name */
function demandPolicyArn(text: string): void {
  const arn = parseArn(text)
  const slash = text.lastIndexOf('/') + 1
  const isPolicy = arn?.service === 'iam' && arn.region === '' && arn.resource.startsWith('policy/')
  if (isPolicy && !/[*?]/.test(text.slice(0, slash)) && text.split('*').length <= 2) return
  throw new InvalidInput(`Invalid policy identifier: ${text}`)
}

/** @throws InvalidInput */
export function isExcludedBy({ PolicyType, PolicyArn, InlinePolicyIdentifier: inline }: Identifier) {
  if ([PolicyType, PolicyArn, inline].filter((each) => each !== undefined).length !== 1) {
    throw new InvalidInput('A policy identifier must have exactly one member.')
  }
  if (PolicyArn !== undefined) demandPolicyArn(PolicyArn)
  return ({ kind, holder, called }: HeldPolicy): boolean => {
    if (PolicyType !== undefined) return kind === PolicyType
    if (PolicyArn !== undefined) return holder === undefined && matches(patternOf(PolicyArn), called)
    if (!inline || !holder) return false
    const { PolicyName, AttachmentType, AttachmentName } = inline
    return called === PolicyName && holder.type === AttachmentType && matches(patternOf(AttachmentName), holder.name)
  }
}

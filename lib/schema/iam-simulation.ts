/** The members of IAM's policy simulator, under AWS's names and limits. */
import { list, struct, textMap } from './collections.ts'
import { arn, document, page, pageEnd } from './iam.ts'
import { boolean, integer, oneOf, string } from './scalars.ts'
import { required } from './shape.ts'

const contextKeyTypes = ['string', 'numeric', 'boolean', 'ip', 'binary', 'date'].flatMap((type) => [
  type,
  `${type}List`,
])

const contextEntry = struct({
  ContextKeyName: string({ min: 5, max: 256 }),
  ContextKeyValues: list(string()),
  ContextKeyType: oneOf(contextKeyTypes),
})
const documents = list(document)

/** What both simulations are asked. */
const asked = {
  PermissionsBoundaryPolicyInputList: list(document, { max: 1 }),
  ActionNames: required(list(string({ min: 3, max: 128 }))),
  ResourceArns: list(string({ min: 1, max: 2048 })),
  ResourcePolicy: document,
  ResourceOwner: string({ min: 1, max: 2048 }),
  CallerArn: string({ min: 1, max: 2048 }),
  ContextEntries: list(contextEntry),
  ResourceHandlingOption: string({ min: 1, max: 64 }),
  ...page,
}

const policyIdentifier = struct({
  PolicyType: oneOf(['inline', 'aws-managed', 'user-managed', 'permission-boundary', 'scp', 'rcp']),
  PolicyArn: arn,
  InlinePolicyIdentifier: struct({
    PolicyName: required(string({ min: 1, max: 128 })),
    AttachmentType: required(oneOf(['user', 'group', 'role'])),
    AttachmentName: required(string({ min: 1, max: 128 })),
  }),
})

export const principalMembers = {
  PolicySourceArn: required(arn),
  PolicyInputList: documents,
  PolicyExclusionList: list(policyIdentifier),
  ...asked,
}
export const customMembers = {
  PolicyInputList: required(documents),
  OrderedOrganizationPolicyInputList: list(struct({})),
  ...asked,
}

const position = struct({ Line: integer(1, 0x7fffffff), Column: integer(1, 0x7fffffff) })
const statement = struct({
  SourcePolicyId: string(),
  SourcePolicyType: string(),
  StartPosition: position,
  EndPosition: position,
})
const verdict = required(oneOf(['allowed', 'explicitDeny', 'implicitDeny']))
const found = {
  MatchedStatements: list(statement),
  MissingContextValues: list(string()),
  PermissionsBoundaryDecisionDetail: struct({ AllowedByPermissionsBoundary: boolean }),
  EvalDecisionDetails: textMap,
}
const onResource = struct({ EvalResourceName: required(string()), EvalResourceDecision: verdict, ...found })

export const simulatedPage = struct({
  EvaluationResults: list(
    struct({
      EvalActionName: required(string()),
      EvalResourceName: string(),
      EvalDecision: verdict,
      ...found,
      ResourceSpecificResults: list(onResource),
    }),
  ),
  ...pageEnd,
})

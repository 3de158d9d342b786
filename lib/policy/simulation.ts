/**
 * What a request that nobody makes would come to, and which statements decide it: IAM's policy simulator, over the same
 * function that decides every request here. Texts on the wire are as AWS's simulator has been seen to answer.
 */
import { parseArn } from '../arn.ts'
import { uniqueKeys } from './context-keys.ts'
import { type DecisionRequest, decide, type NamedPolicy } from './decide.ts'
import type { PolicyDocument } from './document.ts'
import type { Span } from './positions.ts'
import type { PolicyCaller } from './principals.ts'
import { applies } from './statement.ts'
import type { RequestContext } from './variables.ts'

/** A policy that takes part. */
export interface Source extends NamedPolicy {
  readonly type: 'IAM Policy' | 'Resource Policy' | 'Permissions Boundary Policy'
  /** Of its statements, in order. */
  readonly spans: readonly Span[]
  readonly contextKeys: readonly string[]
}

export interface Simulation {
  readonly caller: PolicyCaller
  readonly identity: readonly Source[]
  readonly boundary?: Source
  readonly resourcePolicy?: Source
  /** Account of the resources whose ARNs name none. */
  readonly owner: string
  readonly context: RequestContext
}

type Verdict = 'allowed' | 'explicitDeny' | 'implicitDeny'

/** From the one that lets most through. */
const bySeverity = ['allowed', 'implicitDeny', 'explicitDeny'] as const satisfies readonly Verdict[]
const worst = (verdicts: readonly Verdict[]): Verdict =>
  bySeverity.findLast((each) => verdicts.includes(each)) ?? 'implicitDeny'

const delegating = (account: string): PolicyDocument => ({
  version: '2012-10-17',
  statements: [
    {
      effect: 'Allow',
      principals: { except: false, of: [{ kind: 'ACCOUNT', text: account, account }] },
      actions: { except: false, of: ['*'] },
      resources: { except: false, of: ['*'] },
      conditions: [],
    },
  ],
})

/**
 * AWS's simulator looks up no policy of a resource: one of the caller's account is as if it left all to that account.
 * Where a policy is given, KMS alone goes by it and nothing else; elsewhere in an account either side is enough.
 */
function resourcePolicyOf({ caller, resourcePolicy }: Simulation, action: string, account: string): PolicyDocument {
  const { version, statements } = resourcePolicy?.document ?? { version: '2012-10-17' as const, statements: [] }
  const isGiven = resourcePolicy !== undefined && /^kms:/i.test(action)
  const delegated = account === caller.account && !isGiven ? delegating(account).statements : []
  return { version, statements: [...statements, ...delegated] }
}

const ownerOf = ({ owner }: Simulation, arn: string): string => {
  const account = parseArn(arn)?.account ?? ''
  return /^\d{12}$/.test(account) ? account : owner
}

const matched = (sources: readonly Source[], effect: 'Allow' | 'Deny', request: DecisionRequest) =>
  sources.flatMap(({ name, type, document, spans }) =>
    (document?.statements ?? []).flatMap((statement, index) =>
      document && statement.effect === effect && applies(statement, document, request)
        ? [{ SourcePolicyId: name, SourcePolicyType: type, ...spans[index] }]
        : [],
    ),
  )

/** What some policies come to by themselves. */
function verdictOf(sources: readonly Source[], request: DecisionRequest): Verdict {
  if (sources.some(({ document }) => !document) || matched(sources, 'Deny', request).length > 0) return 'explicitDeny'
  return matched(sources, 'Allow', request).length > 0 ? 'allowed' : 'implicitDeny'
}

function evaluated(simulation: Simulation, action: string, arn: string) {
  const { caller, identity, boundary, resourcePolicy, context } = simulation
  const account = ownerOf(simulation, arn)
  const keyPolicy = resourcePolicyOf(simulation, action, account)
  const request: DecisionRequest = {
    caller,
    action,
    resource: { arn, account, keyPolicy },
    crossAccount: true,
    context,
    identityPolicies: identity,
    ...(boundary && { boundary }),
  }
  const decision = decide(request)
  const verdict: Verdict = decision.allowed ? 'allowed' : decision.explicit ? 'explicitDeny' : 'implicitDeny'
  const ofResource = resourcePolicy ? [resourcePolicy] : []
  const denying = [...identity, ...ofResource, ...(boundary ? [boundary] : [])]
  const MatchedStatements = {
    allowed: () => matched([...identity, ...ofResource], 'Allow', request),
    explicitDeny: () => matched(denying, 'Deny', request),
    implicitDeny: () => [],
  }[verdict]()
  const sides = { 'IAM Policy': verdictOf(identity, request), 'Resource Policy': verdictOf(ofResource, request) }
  return {
    verdict,
    MatchedStatements,
    details: account === caller.account ? undefined : sides,
    withinBoundary: boundary && verdictOf([boundary], request) === 'allowed',
  }
}

/** The forms of the resources that there are here, as AWS writes them. */
const templates: readonly (readonly [RegExp, string])[] = [
  [/^arn:[^:]*:kms:[^:]*:[^:]*:key\//, 'arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}'],
  [/^arn:[^:]*:kms:[^:]*:[^:]*:alias\//, 'arn:${Partition}:kms:${Region}:${Account}:alias/${Alias}'],
  [/^arn:[^:]*:iam::[^:]*:user\//, 'arn:${Partition}:iam::${Account}:user/${UserNameWithPath}'],
  [/^arn:[^:]*:iam::[^:]*:role\//, 'arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}'],
  [/^arn:[^:]*:iam::[^:]*:group\//, 'arn:${Partition}:iam::${Account}:group/${GroupNameWithPath}'],
  [/^arn:[^:]*:iam::[^:]*:policy\//, 'arn:${Partition}:iam::${Account}:policy/${PolicyNameWithPath}'],
]
const templateOf = (arn: string): string => templates.find(([form]) => form.test(arn))?.[1] ?? '*'

const boundaryDetail = (allowed: boolean | undefined) =>
  allowed === undefined ? {} : { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: allowed } }

/** Every condition key that a policy of the simulation asks about, and that has no value in it. */
export function missingKeys({ identity, boundary, resourcePolicy, context }: Simulation): readonly string[] {
  const sources = [...identity, ...(boundary ? [boundary] : []), ...(resourcePolicy ? [resourcePolicy] : [])]
  return uniqueKeys(sources.flatMap((each) => each.contextKeys)).filter(
    (key) => context.get(key.toLowerCase()) === undefined,
  )
}

/**
 * What one action comes to: on everything, or on each of some resources and, most restrictive first, on all of them.
 * @param missing what `missingKeys` says of the simulation
 */
export function simulated(simulation: Simulation, action: string, arns: readonly string[], missing: readonly string[]) {
  const on = arns.map((arn) => ({ arn, ...evaluated(simulation, action, arn) }))
  const isGeneral = arns.every((arn) => arn === '*')
  const statements = on.flatMap((each) => each.MatchedStatements)
  const names = new Set(arns.map(templateOf))
  const details = on.flatMap((each) => each.details ?? [])
  const sides = (side: 'IAM Policy' | 'Resource Policy') => worst(details.map((each) => each[side]))
  return {
    EvalActionName: action,
    EvalResourceName: names.size === 1 ? [...names].join() : '*',
    EvalDecision: worst(on.map(({ verdict }) => verdict)),
    MatchedStatements: [...new Map(statements.map((each) => [JSON.stringify(each), each])).values()],
    MissingContextValues: missing,
    ...boundaryDetail(simulation.boundary && on.every(({ withinBoundary }) => withinBoundary)),
    ...(!isGeneral && {
      EvalDecisionDetails:
        details.length > 0 ? { 'IAM Policy': sides('IAM Policy'), 'Resource Policy': sides('Resource Policy') } : {},
      ResourceSpecificResults: on.map((each) => ({
        EvalResourceName: each.arn,
        EvalResourceDecision: each.verdict,
        MatchedStatements: each.MatchedStatements,
        MissingContextValues: missing,
        EvalDecisionDetails: each.details ?? {},
        ...boundaryDetail(each.withinBoundary),
      })),
    }),
  }
}

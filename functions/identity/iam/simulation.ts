import { InvalidInput } from '../../../lib/errors.ts'
import { isExcludedBy } from '../../../lib/identity/exclusions.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import {
  demandPrincipal,
  givenSources,
  policiesHeld,
  simulatedCaller,
  simulatedContext,
} from '../../../lib/identity/simulations.ts'
import { slice } from '../../../lib/keys/pages.ts'
import { iamAction } from '../../../lib/operation.ts'
import { uniqueKeys } from '../../../lib/policy/context-keys.ts'
import { parseKeyPolicy } from '../../../lib/policy/policies.ts'
import { missingKeys, type Simulation, type Source, simulated } from '../../../lib/policy/simulation.ts'
import { list, type Struct, struct } from '../../../lib/schema/collections.ts'
import { arn, document } from '../../../lib/schema/iam.ts'
import { customMembers, principalMembers, simulatedPage } from '../../../lib/schema/iam-simulation.ts'
import { string } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'

const keyNames = struct({ ContextKeyNames: required(list(string())) })
const documents = list(document)

/** Statements looked into for one answer, at the most: further actions are on the next page. */
const atMost = 20_000
/** What each resource costs beside the statements, in statements. */
const perResource = 10

type Request = Pick<Struct<typeof principalMembers>, keyof typeof customMembers & keyof typeof principalMembers>

/** @throws InvalidInput for what no simulation here can answer */
function demandSimulable({ ActionNames, ResourceHandlingOption }: Request): void {
  const odd = ActionNames.find((name) => !/^[a-z0-9-]+:[a-z0-9]+$/i.test(name))
  if (odd !== undefined) throw new InvalidInput(`Invalid action name: ${odd}`)
  if (ResourceHandlingOption === undefined) return
  throw new InvalidInput(`ResourceHandlingOption ${ResourceHandlingOption} is not supported.`)
}

/** A page of what the actions come to, as many as can be looked into at once. @throws InvalidInput */
function answered(simulation: Simulation, { ActionNames, ResourceArns = [], ...page }: Request) {
  const arns = ResourceArns.length > 0 ? ResourceArns : ['*']
  const { identity, boundary, resourcePolicy } = simulation
  const sources = [...identity, ...[boundary, resourcePolicy].flatMap((each) => each ?? [])]
  const work = arns.length * sources.reduce((sum, each) => sum + each.spans.length, perResource)
  if (work > atMost) throw new InvalidInput('The simulation is too large: there are too many resources and statements.')
  const { limit, ...after } = pageOf(page)
  const ordered = ActionNames.map((name, index) => ({ name, place: String(index).padStart(6, '0') }))
  const asked = slice(ordered, ({ place }) => place, { limit: Math.min(limit, Math.ceil(atMost / work)), ...after })
  const missing = missingKeys(simulation)
  return {
    EvaluationResults: asked.items.map(({ name }) => simulated(simulation, name, arns, missing)),
    ...endOf(asked, ({ place }) => place),
  }
}

const boundaryIn = ({ PermissionsBoundaryPolicyInputList: texts = [] }: Request) =>
  givenSources('PermissionsBoundaryPolicyInputList.N', 'Permissions Boundary Policy', texts)
const policiesIn = (texts: readonly string[]) => givenSources('PolicyInputList.N', 'IAM Policy', texts)

/** What the request says besides whose policies it is about. @throws InvalidInput */
function partsIn(input: Request, who: ReturnType<typeof simulatedCaller>) {
  const { ResourcePolicy: text, ResourceOwner = who.caller.account, ContextEntries = [] } = input
  demandSimulable(input)
  // An account id, or the ARN of its root: the two actions are documented with one each.
  const owner = /^(?:arn:[^:]*:iam::)?(\d{12})(?::root)?$/.exec(ResourceOwner)?.[1]
  if (owner === undefined) throw new InvalidInput(`Invalid ResourceOwner: ${ResourceOwner}`)
  const parse = (policy: string) => parseKeyPolicy(policy)
  const [resourcePolicy] = givenSources('ResourcePolicy', 'Resource Policy', text === undefined ? [] : [text], parse)
  return {
    caller: who.caller,
    owner,
    context: simulatedContext(who.known, ContextEntries),
    ...(resourcePolicy && { resourcePolicy }),
  }
}

const withBoundary = (boundary: Source | undefined) => (boundary ? { boundary } : {})

const simulatePrincipalPolicy = iamAction({
  name: 'SimulatePrincipalPolicy',
  readOnly: true,
  summary:
    'Says what the policies of a user, role or group would come to for actions and resources, and by which statements.',
  input: struct(principalMembers),
  output: simulatedPage,
  needs: ['principals'],
  resource: ({ input }) => input.PolicySourceArn,
  async run({ input, place, principals }) {
    const { PolicySourceArn: source, CallerArn = source, PolicyInputList = [], PolicyExclusionList = [] } = input
    const found = await demandPrincipal(source, { principals, place })
    const excluded = PolicyExclusionList.map(isExcludedBy)
    const held = (await policiesHeld(found, principals)).filter((each) => !excluded.some((isIt) => isIt(each)))
    const isBoundary = ({ kind }: (typeof held)[number]) => kind === 'permission-boundary'
    const identity = [
      ...held.filter((each) => !isBoundary(each)).map((each) => each.source),
      ...policiesIn(PolicyInputList),
    ]
    const [boundary = held.find(isBoundary)?.source] = boundaryIn(input)
    const who = simulatedCaller(CallerArn, CallerArn === source ? found : undefined)
    return answered({ ...partsIn(input, who), identity, ...withBoundary(boundary) }, input)
  },
})

const simulateCustomPolicy = iamAction({
  name: 'SimulateCustomPolicy',
  readOnly: true,
  summary:
    'Says what policies that are sent with the request would come to for actions and resources, and by which statements.',
  input: struct(customMembers),
  output: simulatedPage,
  needs: [],
  async run({ input, place }) {
    const { CallerArn, ResourcePolicy, PolicyInputList, OrderedOrganizationPolicyInputList: organization = [] } = input
    if (organization.length > 0) throw new InvalidInput('Service control policies are not supported.')
    if (ResourcePolicy !== undefined && CallerArn === undefined) {
      throw new InvalidInput('CallerArn must be specified when ResourcePolicy is specified.')
    }
    const who =
      CallerArn === undefined
        ? { ...simulatedCaller(`arn:${place.partition}:iam::${place.account}:group/nobody`), known: [] }
        : simulatedCaller(CallerArn)
    const [boundary] = boundaryIn(input)
    const identity = policiesIn(PolicyInputList)
    return answered({ ...partsIn(input, who), identity, ...withBoundary(boundary) }, input)
  },
})

const keysOf = (sources: readonly Source[]) => ({
  ContextKeyNames: uniqueKeys(sources.flatMap((each) => each.contextKeys)),
})

const getContextKeysForPrincipalPolicy = iamAction({
  name: 'GetContextKeysForPrincipalPolicy',
  readOnly: true,
  summary: 'Lists the condition keys that the policies of a user, role or group ask about.',
  input: struct({ PolicySourceArn: required(arn), PolicyInputList: documents }),
  output: keyNames,
  needs: ['principals'],
  resource: ({ input }) => input.PolicySourceArn,
  async run({ input, place, principals }) {
    const held = await policiesHeld(await demandPrincipal(input.PolicySourceArn, { principals, place }), principals)
    return keysOf([...held.map(({ source }) => source), ...policiesIn(input.PolicyInputList ?? [])])
  },
})

const getContextKeysForCustomPolicy = iamAction({
  name: 'GetContextKeysForCustomPolicy',
  readOnly: true,
  summary: 'Lists the condition keys that policies ask about.',
  input: struct({ PolicyInputList: required(documents) }),
  output: keyNames,
  needs: [],
  async run({ input }) {
    return keysOf(policiesIn(input.PolicyInputList))
  },
})

export const simulationActions = [
  simulatePrincipalPolicy,
  simulateCustomPolicy,
  getContextKeysForPrincipalPolicy,
  getContextKeysForCustomPolicy,
] as const

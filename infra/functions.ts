import { documentRoutes, slashedDocumentRoute } from '../lib/http/documents.ts'
import { peerPath } from '../lib/identity/peer-signature.ts'
import type { AnyOperation } from '../lib/operation.ts'
import {
  documents,
  type Entry,
  frontDoor,
  peers,
  reachesHsm,
  type ScheduleEntry,
  type ServiceEntry,
  scheduleCatalog,
  serviceCatalog,
} from './catalog.ts'
import { roleOf } from './roles.ts'

/** A route that the gateway lets AWS's own users and roles through to, by their policies on execute-api. */
interface AuthorizedRoute {
  readonly method: string
  readonly path: string
  readonly authorizer: { readonly type: 'aws_iam' }
}

/** What a Lambda is, as serverless.yml has it. */
interface LambdaFunction {
  readonly description: string
  readonly handler: string
  readonly role: string
  readonly timeout: number
  readonly memorySize: number
  readonly package: { readonly patterns: readonly string[] }
  /** What serverless.yml says of the network and of the HSM's module, where the Lambda reaches the HSM. */
  readonly vpc?: string
  readonly layers?: string
  /** Of what EventBridge starts: nobody waits for an answer. */
  readonly maximumEventAge?: number
  readonly maximumRetryAttempts?: number
  readonly destinations?: { readonly onFailure: { readonly type: 'sqs'; readonly arn: object } }
  readonly events: readonly ({ readonly httpApi: string | AuthorizedRoute } | { readonly schedule: string })[]
}

/** An HTTP API waits 30 seconds; a Lambda that ends before it says why. */
const timeout = 29

/** Memory buys processor time too, which a cold start and the cryptography outside the HSM are made of. */
const memorySize = { plain: 512, hsm: 1024 } as const

const besideHsm = { vpc: '${self:custom.vpc}', layers: '${self:custom.layers}' } as const

const lambda = (
  kebab: string,
  routes: readonly string[],
  description: string,
  memory: keyof typeof memorySize,
  packages = 'pkcs11js',
): LambdaFunction => ({
  description,
  handler: `dist/${kebab}.handler`,
  role: roleOf(kebab),
  timeout,
  memorySize: memorySize[memory],
  package: { patterns: ['!**', `dist/${kebab}.mjs`, `dist/node_modules/${packages}/**`] },
  // Whoever authenticates opens the HSM, in which the SigV4 keys are made.
  ...(packages === 'pkcs11js' && besideHsm),
  events: routes.map((httpApi) => ({ httpApi })),
})

/** Due times are data: this is only how late work may be begun. Rates of whole minutes mean the same to all hosts. */
const rate = 'rate(5 minutes)'

/** The next tick does what this one leaves: one that is late is not worth its while. */
const ticks = {
  maximumEventAge: 300,
  maximumRetryAttempts: 1,
  destinations: { onFailure: { type: 'sqs', arn: { 'Fn::GetAtt': ['LostTicks', 'Arn'] } } },
} as const

function scheduledLambda(entry: ScheduleEntry): LambdaFunction {
  const { schedule, kebab } = entry
  const { vpc, layers, ...plain } = lambda(kebab, [], schedule.summary, reachesHsm(entry) ? 'hsm' : 'plain')
  return { ...plain, ...(reachesHsm(entry) && besideHsm), ...ticks, timeout: 300, events: [{ schedule: rate }] }
}

/** The same Lambdas, with the RESTful routes behind the gateway's IAM authorizer: for KEYSTEAD_AUTH=aws-iam. */
export const authorizedFunctionsOf = (entries: readonly Entry[]): Readonly<Record<string, LambdaFunction>> => ({
  ...functionsOf(entries),
  ...Object.fromEntries(
    entries.map(({ kebab, operation, method, path }) => [
      kebab,
      { ...restLambda(kebab, operation), events: [{ httpApi: { method, path, authorizer: { type: 'aws_iam' } } }] },
    ]),
  ),
})

const restLambda = (kebab: string, { route, summary, needs }: AnyOperation): LambdaFunction =>
  lambda(kebab, [route], summary, needs.includes('hsm') ? 'hsm' : 'plain')

export const functionsOf = (
  entries: readonly Entry[],
  scheduled: readonly ScheduleEntry[] = scheduleCatalog(),
  services: readonly ServiceEntry[] = serviceCatalog(),
): Readonly<Record<string, LambdaFunction>> => ({
  [frontDoor]: lambda(
    frontDoor,
    ['POST /', 'GET /', 'GET /health'],
    "Every operation, by its X-Amz-Target or its form's Action.",
    'hsm',
  ),
  [peers]: lambda(peers, [`POST ${peerPath}`], 'What other Regions say about multi-Region keys.', 'hsm'),
  [documents]: lambda(documents, documentRoutes, 'The description of the API.', 'plain', 'swagger-ui-dist'),
  ...Object.fromEntries(entries.map(({ kebab, operation }) => [kebab, restLambda(kebab, operation)])),
  ...Object.fromEntries(services.map(({ kebab, routes, summary }) => [kebab, lambda(kebab, routes, summary, 'plain')])),
  ...Object.fromEntries(scheduled.map((entry) => [entry.kebab, scheduledLambda(entry)])),
})

const word = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).toLowerCase()

const slashedRoute = (kebab: string, RouteKey: string) => {
  const target = { 'Fn::Sub': `integrations/\${HttpApiIntegration${word(kebab)}}` }
  const Properties = { ApiId: { Ref: 'HttpApi' }, RouteKey, Target: target }
  const [method = ''] = RouteKey.split(' ')
  return [`HttpApiRoute${word(method)}${word(kebab)}Slash`, { Type: 'AWS::ApiGatewayV2::Route', Properties }] as const
}

/**
 * Routes again with a slash at their end, which AWS's clients add to the path of an endpoint, and people to that of a
 * page. They are not among the events of the Lambdas: the Serverless Framework gives both the same logical id, and so the
 * API but one of them.
 */
export const slashedRoutesOf = (services: readonly ServiceEntry[] = serviceCatalog()) => ({
  Resources: Object.fromEntries([
    ...services.flatMap(({ kebab, routes }) => routes.map((route) => slashedRoute(kebab, `${route}/`))),
    slashedRoute(documents, slashedDocumentRoute),
  ]),
})

/** What is handed to CloudFormation: every Lambda once, in stacks that it takes. */
import { describe, expect, test } from 'vitest'
import { catalog, scheduleCatalog } from '../../infra/catalog.ts'
import { functionsOf, slashedRoutesOf } from '../../infra/functions.ts'
import { mostResources, type Template } from '../../infra/stacks.ts'
import { folder, resourcesOf, templates, variantFolder } from '../harness/package.ts'

describe.each([
  ['as it comes', folder],
  ['with everything chosen otherwise', variantFolder],
])('stacks, %s', (_, from) => {
  const stacks = templates(from)
  const [service] = stacks.values()

  test('none has more than 400 resources, 200 parameters or a megabyte', () => {
    expect(stacks.size).toBeGreaterThan(5)
    for (const [file, template] of stacks) {
      expect([file, Object.keys(template.Resources).length <= mostResources]).toEqual([file, true])
      expect([file, Object.keys((template.Parameters as object | undefined) ?? {}).length <= 200]).toEqual([file, true])
      expect([file, JSON.stringify(template, null, 2).length < 1_000_000]).toEqual([file, true])
    }
  })

  test('every nested stack is one that the service’s stack makes, with exactly the parameters it asks for', () => {
    const made = resourcesOf('AWS::CloudFormation::Stack', from).map(([, { Properties }]) => {
      const { TemplateURL, Parameters } = Properties as {
        TemplateURL: { 'Fn::Sub': string }
        Parameters: Readonly<Record<string, unknown>>
      }
      return [TemplateURL['Fn::Sub'].split('/').at(-1), Object.keys(Parameters).sort()]
    })
    const asked = [...stacks]
      .slice(1)
      .map(([file, { Parameters }]) => [file, Object.keys(Parameters as object).sort()] as const)
    expect(made.sort()).toEqual(asked.toSorted())
  })

  test('every reference is to a resource or a parameter of the same stack', () => {
    for (const [file, template] of stacks) {
      const known = new Set([...Object.keys(template.Resources), ...Object.keys((template.Parameters as object) ?? {})])
      expect([file, namesIn(template).filter((name) => !name.startsWith('AWS::') && !known.has(name))]).toEqual([
        file,
        [],
      ])
    }
  })

  test('no nested stack has a parameter that it does not use', () => {
    for (const [file, template] of [...stacks].slice(1)) {
      const used = new Set(namesIn(template))
      const asked = Object.keys(template.Parameters as object)
      expect([file, asked.filter((name) => !used.has(name))]).toEqual([file, []])
    }
  })

  test('no role names a resource or an action by a wildcard, but network interfaces', () => {
    for (const [id, { Properties }] of resourcesOf('AWS::IAM::Role', from)) {
      const { Policies } = Properties as { Policies: readonly { PolicyDocument: { Statement: readonly Said[] } }[] }
      for (const { Effect, Action, Resource } of Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)) {
        const unknown = Effect === 'Deny' || Action.every((action) => action.startsWith('ec2:'))
        expect([id, unknown || !JSON.stringify([Action, Resource]).includes('*')]).toEqual([id, true])
      }
    }
  })

  test('what cannot be made again stays in the service’s stack, and outlives it', () => {
    const kept = resourcesOf('AWS::DynamoDB::Table', from).concat(resourcesOf('AWS::SecretsManager::Secret', from))
    expect(kept.map(([id]) => id).sort()).toEqual(['AuditTable', 'HsmPin', 'StoreTable'])
    for (const [id, resource] of kept) {
      expect(service?.Resources[id]).toEqual(resource)
      expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    }
  })
})

interface Said {
  readonly Effect: string
  readonly Action: readonly string[]
  readonly Resource: unknown
}

function namesIn(template: Template): readonly string[] {
  const text = JSON.stringify(template.Resources)
  const direct = text.matchAll(/"Ref":"([^"]+)"|"Fn::GetAtt":\["([^"]+)"/g)
  const inText = text.matchAll(/\$\{([\w:]+)(?:\.\w+)?\}/g)
  const after = Object.values(template.Resources).flatMap(({ DependsOn = [] }) => DependsOn)
  return [
    ...Array.from(direct, ([, ref, attribute]) => ref ?? attribute ?? ''),
    ...Array.from(inText, ([, id = '']) => id),
    ...after,
  ]
}

test('every function of the service is deployed once, with a role, a log group that ends and its routes', () => {
  const wanted = functionsOf(catalog())
  const lambdas = resourcesOf('AWS::Lambda::Function').map(([, { Properties }]) => Properties?.Handler)
  expect(lambdas.sort()).toEqual(
    Object.values(wanted)
      .map(({ handler }) => handler)
      .sort(),
  )
  expect(resourcesOf('AWS::IAM::Role')).toHaveLength(lambdas.length)
  const logs = resourcesOf('AWS::Logs::LogGroup')
  // The API's own, too.
  expect(logs).toHaveLength(lambdas.length + 1)
  for (const [id, { Properties }] of logs) expect([id, Properties?.RetentionInDays]).toEqual([id, expect.any(Number)])
  const routes = resourcesOf('AWS::ApiGatewayV2::Route').map(([, { Properties }]) => Properties?.RouteKey)
  const events = Object.values(wanted).flatMap(({ events }) => events)
  const slashed = Object.values(slashedRoutesOf().Resources).map(({ Properties }) => Properties.RouteKey)
  expect(routes.sort()).toEqual(
    [...events.flatMap((event) => ('httpApi' in event ? [event.httpApi] : [])), ...slashed].sort(),
  )
  expect(resourcesOf('AWS::Events::Rule')).toHaveLength(events.filter((event) => 'schedule' in event).length)
})

test('both tables are paid by request, encrypted, recoverable to any second, and not deleted by accident', () => {
  for (const [, { Properties }] of resourcesOf('AWS::DynamoDB::Table')) {
    expect(Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      SSESpecification: { SSEEnabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    })
  }
})

describe('a reviewer finds', () => {
  test('a log of the API’s requests, without headers, queries and bodies, in which credentials are', () => {
    const [[, { Properties }] = ['', { Properties: {} }]] = resourcesOf('AWS::ApiGatewayV2::Stage')
    const { AccessLogSettings, DefaultRouteSettings } = Properties as Readonly<Record<string, { Format?: string }>>
    const shown = Array.from(String(AccessLogSettings?.Format).matchAll(/\$context\.([\w.]+)/g), ([, name]) => name)
    expect(shown.sort()).toEqual([
      'error.messageString',
      'identity.sourceIp',
      'requestId',
      'requestTime',
      'responseLatency',
      'responseLength',
      'routeKey',
      'status',
    ])
    expect(DefaultRouteSettings).toEqual({ ThrottlingRateLimit: 2000, ThrottlingBurstLimit: 1000 })
  })

  test('no traces, and no function that anybody but the API and a rule can invoke', () => {
    for (const [id, { Properties }] of resourcesOf('AWS::Lambda::Function')) {
      expect([id, Properties?.TracingConfig]).toEqual([id, undefined])
    }
    for (const [id, { Properties }] of resourcesOf('AWS::Lambda::Permission')) {
      const { Principal, SourceArn } = Properties as { Principal: string; SourceArn: unknown }
      const known = /^(?:apigateway|events)\.amazonaws\.com$/.test(Principal)
      expect([id, known, SourceArn !== undefined]).toEqual([id, true, true])
    }
  })

  test('what a scheduled function fails at twice in an encrypted queue, and nothing tried after the next tick', () => {
    const configured = resourcesOf('AWS::Lambda::EventInvokeConfig')
    expect(configured).toHaveLength(scheduleCatalog().length)
    for (const [, { Properties }] of configured) {
      expect(Properties).toMatchObject({
        MaximumEventAgeInSeconds: 300,
        MaximumRetryAttempts: 1,
        DestinationConfig: { OnFailure: { Destination: { Ref: 'LostTicksArn' } } },
      })
    }
    const queues = resourcesOf('AWS::SQS::Queue').map(([, { Properties }]) => Properties)
    expect(queues).toMatchObject([{ SqsManagedSseEnabled: true }])
  })

  test('a bucket for deployments that nothing makes public', () => {
    const [[, { Properties }] = ['', { Properties: {} }]] = resourcesOf('AWS::S3::Bucket')
    expect(Properties).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: expect.anything(),
    })
  })

  test('metrics and alarms of each stage apart', () => {
    for (const [id, { Properties }] of resourcesOf('AWS::Lambda::Function')) {
      const { Environment } = Properties as { Environment: { Variables: Readonly<Record<string, unknown>> } }
      expect([id, Environment.Variables.KEYSTEAD_METRICS_NAMESPACE]).toEqual([id, 'Keystead/prod'])
    }
    const watching = [...resourcesOf('AWS::CloudWatch::Alarm'), ...resourcesOf('AWS::CloudWatch::Dashboard')]
    const text = JSON.stringify(watching)
    const searched = Array.from(text.matchAll(/SEARCH\('\{([^,]+),/g), ([, namespace = '']) => namespace)
    expect(new Set(searched.map((each) => each.replaceAll('\\', '')))).toEqual(new Set(['"Keystead/prod"']))
    const named = Array.from(text.matchAll(/"Namespace":"([^"]+)"/g), ([, namespace]) => namespace)
    expect([...new Set(named)].sort()).toEqual(['AWS/SQS', 'Keystead/prod'])
  })
})

describe('with everything chosen otherwise', () => {
  test('API Gateway asks IAM who calls the routes of actions, and only those', () => {
    const authorized = new Set(catalog().map(({ operation }) => operation.route))
    for (const [, { Properties }] of resourcesOf('AWS::ApiGatewayV2::Route', variantFolder)) {
      const { RouteKey, AuthorizationType = 'NONE' } = Properties as { RouteKey: string; AuthorizationType?: string }
      expect([RouteKey, AuthorizationType]).toEqual([RouteKey, authorized.has(RouteKey) ? 'AWS_IAM' : 'NONE'])
    }
    for (const [id, { Properties }] of resourcesOf('AWS::Lambda::Function', variantFolder)) {
      const { Environment } = Properties as { Environment: { Variables: Readonly<Record<string, unknown>> } }
      expect([id, Environment.Variables.KEYSTEAD_AUTH]).toEqual([id, 'aws-iam'])
    }
  })

  test('no network is made, and the functions that reach the HSM are in the one that is named', () => {
    for (const type of ['VPC', 'Subnet', 'SecurityGroup', 'VPCEndpoint']) {
      expect([type, resourcesOf(`AWS::EC2::${type}`, variantFolder)]).toEqual([type, []])
    }
    const lambdas = resourcesOf('AWS::Lambda::Function', variantFolder)
    const outside = lambdas.filter(([, { Properties }]) => Properties?.VpcConfig === undefined)
    const handlers = outside.map(([, { Properties }]) => Properties?.Handler)
    expect(handlers.sort()).toEqual(['dist/delete-expired-key-material.handler', 'dist/documents.handler'])
    for (const [id, { Properties }] of lambdas.filter((each) => !outside.includes(each))) {
      expect([id, Properties?.VpcConfig]).toEqual([
        id,
        {
          SecurityGroupIds: { 'Fn::Split': [',', 'sg-0a1b2c3d4e5f60718'] },
          SubnetIds: { 'Fn::Split': [',', 'subnet-0a1b2c3d4e5f60718,subnet-1a1b2c3d4e5f60718'] },
        },
      ])
    }
  })

  test('both tables are under the key that is named', () => {
    const tables = resourcesOf('AWS::DynamoDB::Table', variantFolder)
    expect(tables).toHaveLength(2)
    for (const [, { Properties }] of tables) {
      expect(Properties?.SSESpecification).toEqual({
        SSEEnabled: true,
        SSEType: 'KMS',
        KMSMasterKeyId: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      })
    }
  })
})

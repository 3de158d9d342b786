/** What is handed to CloudFormation: every Lambda once, in stacks that it takes. */
import { describe, expect, test } from 'vitest'
import { catalog } from '../../infra/catalog.ts'
import { functionsOf, slashedRoutesOf } from '../../infra/functions.ts'
import { mostResources, type Template } from '../../infra/stacks.ts'
import { resourcesOf, templates } from '../harness/package.ts'

const stacks = templates()
const [service] = stacks.values()

describe('stacks', () => {
  test('none has more than 400 resources, 200 parameters or a megabyte', () => {
    expect(stacks.size).toBeGreaterThan(5)
    for (const [file, template] of stacks) {
      expect([file, Object.keys(template.Resources).length <= mostResources]).toEqual([file, true])
      expect([file, Object.keys((template.Parameters as object | undefined) ?? {}).length <= 200]).toEqual([file, true])
      expect([file, JSON.stringify(template, null, 2).length < 1_000_000]).toEqual([file, true])
    }
  })

  test('every nested stack is one that the service’s stack makes, with exactly the parameters it asks for', () => {
    const made = resourcesOf('AWS::CloudFormation::Stack').map(([, { Properties }]) => {
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

  test('what cannot be made again stays in the service’s stack, and outlives it', () => {
    const kept = resourcesOf('AWS::DynamoDB::Table').concat(resourcesOf('AWS::SecretsManager::Secret'))
    expect(kept.map(([id]) => id).sort()).toEqual(['AuditTable', 'HsmPin', 'StoreTable'])
    for (const [id, resource] of kept) {
      expect(service?.Resources[id]).toEqual(resource)
      expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    }
  })
})

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
  expect(logs).toHaveLength(lambdas.length)
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

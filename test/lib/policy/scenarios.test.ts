import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decide } from '../../../lib/policy/decide.ts'
import { requestOf, type Scenario } from './scenario.ts'

const folder = new URL('../../policy/', import.meta.url)
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
const scenariosIn = (file: string) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as readonly Scenario[]

const everyone = { Sid: 'open', Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' }

function decideCondition({ condition, ...scenario }: Scenario) {
  const conditional = { ...everyone, Sid: 'conditional', Condition: condition }
  return {
    allow: decide(requestOf({ ...scenario, keyPolicy: conditional })),
    deny: decide(requestOf({ ...scenario, keyPolicy: [everyone, { ...conditional, Effect: 'Deny' }] })),
  }
}

it('finds at least 450 scenarios, each named once', () => {
  const names = files.flatMap(scenariosIn).map(({ name }) => name)
  expect(names.length).toBeGreaterThanOrEqual(450)
  expect(new Set(names).size).toBe(names.length)
})

describe.each(files)('%s', (file) => {
  const scenarios = scenariosIn(file)
  const [withCondition, withDecision] = [true, false].map((is) =>
    scenarios.filter(({ condition }) => (condition !== undefined) === is),
  )

  it.each(withCondition ?? [])('$name', (scenario) => {
    const { allow, deny } = decideCondition(scenario)
    expect([true, false, 'unsure']).toContain(scenario.applies)
    expect(allow.allowed, 'an Allow applies').toBe(scenario.applies === true)
    expect(deny.allowed, 'a Deny does not apply').toBe(scenario.applies === false)
    expect(deny.by).toMatchObject({
      source: 'key-policy',
      statement: scenario.applies === false ? 'open' : 'conditional',
    })
  })

  it.each(withDecision ?? [])('$name', (scenario) => {
    if (!scenario.expect) throw new Error('The scenario expects nothing.')
    const { allowed, by, policy, statement, detail, explicit = false, message } = scenario.expect
    const decision = decide(requestOf(scenario))
    if (policy !== undefined) expect(decision.by.policy).toBe(policy)
    if (detail !== undefined) expect(decision.by.detail).toBe(detail)
    expect(decision).toMatchObject({ allowed, by: { source: by, ...(statement !== undefined && { statement }) } })
    if (!decision.allowed) expect(decision.explicit).toBe(explicit)
    if (!decision.allowed && message !== undefined) expect(decision.message).toBe(message)
  })
})

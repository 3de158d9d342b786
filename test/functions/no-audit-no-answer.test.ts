/** Nothing is answered, and nothing changed, that the trail does not show. */
import { beforeEach, describe, expect, test } from 'vitest'
import { DependencyTimeoutException } from '../../lib/errors.ts'
import { base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})
const refused = {
  status: 503,
  json: { __type: 'DependencyTimeoutException', message: 'The audit record could not be written.' },
}
const failure = () => new DependencyTimeoutException('The audit record could not be written.')

/** The sink fails once, at its nth write from now. */
function failAt(nth: number): void {
  const { audit } = world.open
  const write = audit.write.bind(audit)
  let count = 0
  audit.write = async (record) => {
    count++
    if (count === nth) throw failure()
    await write(record)
  }
}

describe('while no record can be written', () => {
  test('a change is refused before it is made, and made once the sink is back', async () => {
    const { KeyId } = await world.key()
    world.auditFailure = failure()
    expect(await world.call('CreateKey')).toMatchObject(refused)
    expect(await world.call('DisableKey', { KeyId })).toMatchObject(refused)
    expect(await world.call('CreateAlias', { AliasName: 'alias/x', TargetKeyId: KeyId })).toMatchObject(refused)
    world.auditFailure = undefined
    expect((await world.call('ListKeys')).json.Keys).toHaveLength(1)
    expect((await world.call('DescribeKey', { KeyId })).json.KeyMetadata.KeyState).toBe('Enabled')
    expect((await world.call('ListAliases')).json.Aliases).toEqual([])
    expect((await world.call('DisableKey', { KeyId })).status).toBe(200)
  })

  test('nothing that was read or made with a key is answered', async () => {
    const { KeyId } = await world.key()
    world.auditFailure = failure()
    expect(await world.call('DescribeKey', { KeyId })).toMatchObject(refused)
    expect(await world.call('Encrypt', { KeyId, Plaintext: base64('x') })).toMatchObject(refused)
  })
})

describe('a change', () => {
  test('is on record before it is made, as what was asked by whom, and nothing of what came of it', async () => {
    const { json } = await world.call('CreateKey', { Description: 'on record' })
    expect(world.intents).toHaveLength(1)
    const [intent] = world.intents
    const [record] = world.records
    expect(record).toMatchObject({
      eventName: 'CreateKey',
      responseElements: { keyMetadata: { keyId: json.KeyMetadata.KeyId } },
    })
    expect(intent).toEqual({
      ...record,
      eventType: 'KeysteadIntent',
      eventID: expect.not.stringMatching(String(record?.eventID)),
      responseElements: null,
      resources: undefined,
    })
  })

  test('whose outcome cannot be put on record is shown by what was put there before it', async () => {
    const { KeyId, Arn } = await world.key()
    failAt(2)
    expect(await world.call('DisableKey', { KeyId })).toMatchObject(refused)
    expect(world.intents.at(-1)).toMatchObject({ eventName: 'DisableKey', resources: [{ ARN: Arn }] })
    expect((await world.call('DescribeKey', { KeyId })).json.KeyMetadata.KeyState).toBe('Disabled')
  })

  test('is put on record once, however often others are first', async () => {
    const { KeyId } = await world.key()
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, n) => world.call('UpdateKeyDescription', { KeyId, Description: String(n) })),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(world.intents.filter(({ eventName }) => eventName === 'UpdateKeyDescription')).toHaveLength(5)
  })

  test('that is refused, or only tried, is not announced', async () => {
    await world.call('DisableKey', { KeyId: '00000000-0000-4000-8000-000000000000' })
    const { KeyId } = await world.key()
    await world.call('Encrypt', { KeyId, Plaintext: base64('x'), DryRun: true })
    expect(world.intents.map(({ eventName }) => eventName)).toEqual(['CreateKey'])
  })
})

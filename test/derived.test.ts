/** The law common to all operations, held by walking the registry: what one operation obeys, every one obeys. */
import { beforeEach, describe, expect, test } from 'vitest'
import { operations } from '../functions/index.ts'
import { keyStates } from '../lib/keys/key.ts'
import type { AnyOperation, KeyRule } from '../lib/operation.ts'
import type { AnyShape } from '../lib/schema/shape.ts'
import { type Stage, stage, validInputs } from './harness/inputs.ts'
import { callOf } from './harness/targets.ts'
import { account, base64, TestWorld } from './harness/world.ts'

let world: TestWorld
let at: Stage
beforeEach(async () => {
  world = await TestWorld.start()
  at = await stage(world)
})

const all: readonly AnyOperation[] = operations
const rulesOf = (operation: AnyOperation): [string, KeyRule][] => Object.entries(operation.on)
const inputOf = (operation: AnyOperation) => validInputs[operation.name]?.(at) ?? {}

/** The staged key that a member of the valid input names: the first one, where it names it through an alias. */
const subjectOf = (operation: AnyOperation, member: string): string => {
  const named = inputOf(operation)[member]
  return operation.on[member]?.by === 'alias-name' || typeof named !== 'string' ? at.keyId : named
}

/** Puts a staged key into a state, behind the API's back. */
async function put(state: (typeof keyStates)[number], id = at.keyId): Promise<void> {
  const key = await world.store.keys.find(id)
  if (!key) throw new Error('the stage has no key')
  await world.store.keys.replace({
    ...key,
    state,
    ...(state === 'PendingDeletion' && { deletion: { at: world.nowMs } }),
  })
}

/** CancelKeyDeletion wants a key whose deletion is scheduled; every other operation, one that is not. */
const prepare = async (operation: AnyOperation) =>
  operation.name === 'CancelKeyDeletion' && (await put('PendingDeletion'))

test('every operation has a valid input to test with, and no other has', () => {
  expect(Object.keys(validInputs)).toEqual(all.map((operation) => operation.name))
})

describe.each(all.map((operation) => [operation.name, operation] as const))('%s', (name, operation) => {
  test('answers a valid request, with a request id, and leaves a record of it', async () => {
    await prepare(operation)
    const before = world.records.length
    const { status, json, requestId } = await world.call(name, inputOf(operation))
    expect([status, json.__type, json.message]).toEqual([200, undefined, undefined])
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(world.records.length).toBe(before + 1)
    expect(world.records.at(-1)).toMatchObject({
      eventName: name,
      eventSource: `${callOf(name).service}.amazonaws.com`,
      requestID: requestId,
      readOnly: operation.readOnly,
      sourceIPAddress: '192.0.2.1',
      userIdentity: { type: 'Root', accountId: account },
    })
    expect(world.records.at(-1)).not.toHaveProperty('errorCode')
    if (operation.readOnly) expect(world.records.at(-1)?.responseElements).toBeNull()
  })

  test('answers nothing but what its output declares', async () => {
    await prepare(operation)
    const { json } = await world.call(name, inputOf(operation))
    expect(Object.keys(operation.output.members)).toEqual(expect.arrayContaining(Object.keys(json)))
  })

  test('is refused unsigned, and the refusal is on record', async () => {
    const { status, json } = await world.call(name, inputOf(operation), 'nobody')
    expect([status, json.__type]).toEqual([400, 'MissingAuthenticationTokenException'])
    expect(world.records.at(-1)).toMatchObject({ eventName: name, errorCode: 'MissingAuthenticationTokenException' })
  })

  test('refuses a body that is not a JSON object', async () => {
    for (const body of ['[]', '"x"', '{', 'null', '{"a":}', '\u0000']) {
      const { status, json } = await world.call(name, body)
      expect([body, status, json.__type]).toEqual([body, 400, 'SerializationException'])
    }
    expect(world.records.at(-1)).toMatchObject({ eventName: name, errorCode: 'SerializationException' })
  })

  test('ignores members that it does not know, and null for those that it does', async () => {
    await prepare(operation)
    const nulls = Object.fromEntries(Object.keys(operation.input.members).map((member) => [member, null]))
    const { status } = await world.call(name, {
      ...nulls,
      ...inputOf(operation),
      Unknown: { deep: [1] },
      constructor: 1,
    })
    expect(status).toBe(200)
  })

  const members = Object.entries<AnyShape>(operation.input.members)

  if (members.length > 0) {
    test.each(members)('refuses %s of any wrong JSON type', async (member, shape) => {
      const wrong: Record<AnyShape['kind'], unknown[]> = {
        string: [1, true, [], {}],
        blob: [1, true, [], {}, '*', 'a', 'QUI', 'QUI=QQ==', 'QUJDR', 'QUJD=', '===='],
        integer: ['1', true, [], {}, 1.5, 1e30],
        boolean: ['true', 1, [], {}],
        timestamp: ['now', true, [], {}, 253402300800, -62135596801, -1e300],
        list: ['x', 1, true, {}],
        map: ['x', 1, true, [], { a: 1 }, { a: null }],
        struct: ['x', 1, true, []],
      }
      for (const value of wrong[shape.kind]) {
        const { status, json } = await world.call(name, { ...inputOf(operation), [member]: value })
        expect([value, status, json.__type]).toEqual([value, 400, 'SerializationException'])
      }
    })

    test('refuses each bound crossed by one, by name and value, and takes the bound itself', async () => {
      for (const [member, shape] of members) {
        const { minLength, maxLength, minimum, maximum } = shape.json as Record<string, number>
        const path = member.charAt(0).toLowerCase() + member.slice(1)
        const cases: [unknown, string][] = []
        if (minimum !== undefined)
          cases.push([minimum - 1, `Member must have value greater than or equal to ${minimum}`])
        if (maximum !== undefined) cases.push([maximum + 1, `Member must have value less than or equal to ${maximum}`])
        if (minLength) cases.push(['', `Member must have length greater than or equal to ${minLength}`])
        if (maxLength)
          cases.push(['x'.repeat(maxLength + 1), `Member must have length less than or equal to ${maxLength}`])
        for (const [value, rule] of cases) {
          const { status, json } = await world.call(name, { ...inputOf(operation), [member]: value })
          expect([status, json.__type]).toEqual([400, 'ValidationException'])
          const echo = shape.sensitive ? '' : `'${value}' `
          expect(json.message).toContain(`Value ${echo}at '${path}' failed to satisfy constraint: ${rule}`)
          expect(json.message).toMatch(/^\d+ validation errors? detected: /)
        }
        for (const value of [
          minLength && 'x'.repeat(minLength),
          maxLength && 'x'.repeat(maxLength),
          minimum,
          maximum,
        ]) {
          if (value === undefined || value === 0) continue
          const { json } = await world.call(name, { ...inputOf(operation), [member]: value })
          expect(String(json.message)).not.toContain(`at '${path}' failed to satisfy constraint: Member must have`)
        }
      }
    })

    test('names every required member that is missing, all in one message', async () => {
      const missing = members.filter(([, shape]) => shape.required)
      if (missing.length === 0) return expect(operation.input.json).not.toHaveProperty('required')
      const { status, json } = await world.call(name, {})
      expect([status, json.__type]).toEqual([400, 'ValidationException'])
      for (const [member, shape] of missing) {
        const path = member.charAt(0).toLowerCase() + member.slice(1)
        expect(json.message).toContain(
          `Value ${shape.sensitive ? '' : 'null '}at '${path}' failed to satisfy constraint: Member must not be null`,
        )
      }
    })
  }

  const keyRules = rulesOf(operation).filter(([, rule]) => rule.by !== 'alias-name' && !rule.encryption?.ciphertext)
  for (const [member, rule] of keyRules) {
    const naming = (id: string) => ({ ...inputOf(operation), [member]: id })
    const unknown = '00000000-0000-4000-8000-000000000000'
    const arn = (id: string, region = 'us-east-1', of = account) => `arn:aws:kms:${region}:${of}:key/${id}`

    test(`says what is wrong with a ${member} that names no key`, async () => {
      const cases: [string, string, string | undefined][] = [
        [unknown, 'NotFoundException', `Key '${arn(unknown)}' does not exist`],
        [unknown.toUpperCase(), 'NotFoundException', `Key '${arn(unknown.toUpperCase())}' does not exist`],
        [arn(unknown), 'NotFoundException', `Key '${arn(unknown)}' does not exist`],
        ['foo', 'NotFoundException', "Invalid keyId 'foo'"],
        ['mrk-1234', 'NotFoundException', "Invalid keyId 'mrk-1234'"],
        [arn('foo'), 'NotFoundException', 'Invalid keyId foo'],
        [arn(unknown, 'us-west-2'), 'NotFoundException', 'Invalid arn us-west-2'],
        ['arn:aws:s3:::bucket', 'NotFoundException', 'Invalid arn arn:aws:s3:::bucket'],
      ]
      for (const [id, type, message] of cases) {
        const { status, json } = await world.call(name, naming(id))
        expect([id, status, json.__type, json.message]).toEqual([id, 400, type, message])
      }
    })

    // With two keys to name, the other one would be refused first.
    if (rulesOf(operation).length === 1)
      test(`hides whether a foreign ${member} exists`, async () => {
        const stranger = {
          accessKeyId: 'AKIASTRANGERSTRANGER',
          secretAccessKey: 'another-secret-for-tests-guarding-nothin',
        }
        await world.addRoot('999999999999', stranger)
        const known = await world.call(name, naming(arn(at.keyId)), stranger)
        const none = await world.call(name, naming(arn(unknown)), stranger)
        expect([known.status, known.json.__type]).toEqual([400, 'AccessDeniedException'])
        expect(none.json).toEqual(known.json)
        const bare = await world.call(name, naming(at.keyId), stranger)
        expect(bare.json.__type).toBe('NotFoundException')
      })

    test(`${rule.by === 'any' ? 'takes an alias' : 'refuses an alias'} as ${member}`, async () => {
      const aliasName = 'alias/of-the-subject'
      await world.call('CreateAlias', { AliasName: aliasName, TargetKeyId: subjectOf(operation, member) })
      await prepare(operation)
      for (const alias of [aliasName, `arn:aws:kms:us-east-1:${account}:${aliasName}`]) {
        const { status, json } = await world.call(name, naming(alias))
        if (rule.by === 'any') expect([status, json.__type]).toEqual([200, undefined])
        if (rule.by === 'key') {
          expect([json.__type, json.message]).toEqual([
            'InvalidArnException',
            'Key Aliases are not supported for this operation.',
          ])
        }
        if (rule.by === 'target') {
          expect([json.__type, json.message]).toEqual([
            'ValidationException',
            'Aliases must refer to keys. Not aliases',
          ])
        }
      }
      if (rule.by === 'any') {
        const { json } = await world.call(name, naming('alias/none'))
        expect([json.__type, json.message]).toEqual([
          'NotFoundException',
          `Alias arn:aws:kms:us-east-1:${account}:alias/none is not found.`,
        ])
      }
    })
  }

  for (const [member, rule] of rulesOf(operation).filter(([, each]) => !each.filter)) {
    test.each(keyStates.filter((state) => state !== 'Enabled'))(
      `meets a ${member} that is %s as its rule says`,
      async (state) => {
        const subject = subjectOf(operation, member)
        await put(state, subject)
        const { status, json } = await world.call(name, inputOf(operation))
        const refusal = rule.states[state]?.(`arn:aws:kms:us-east-1:${account}:key/${subject}`)
        if (refusal) expect([status, json.__type, json.message]).toEqual([400, refusal.name, refusal.message])
        else expect([status, json.__type]).toEqual([200, undefined])
      },
    )

    test(`is denied where the key policy of ${member} does not allow the root user, whatever the key's state`, async () => {
      await prepare(operation)
      const statement = {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: 'kms:SynchronizeMultiRegionKey',
        Resource: '*',
      }
      const key = await world.store.keys.find(subjectOf(operation, member))
      if (!key) throw new Error('the stage has no key')
      await world.store.keys.replace({
        ...key,
        policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
      })
      const { status, json } = await world.call(name, inputOf(operation))
      expect([status, json.__type]).toEqual([400, 'AccessDeniedException'])
      expect(world.records.at(-1)).toMatchObject({
        eventName: name,
        errorCode: 'AccessDeniedException',
        responseElements: null,
      })
      const [resource] = (world.records.at(-1)?.resources ?? []).filter(({ ARN }) => ARN.includes(':key/'))
      expect(resource?.ARN).toContain(':key/')
    })
  }

  // GetPublicKey asks for no usage, and publishes material all the same.
  const materialUsers = rulesOf(operation).filter(([, rule]) => rule.usage || name === 'GetPublicKey')
  if (materialUsers.length > 0)
    test('says in its record which key material it used, where the caller named none', async () => {
      const used: string[] = []
      for (const [member] of materialUsers) {
        const key = await world.store.keys.find(subjectOf(operation, member))
        used.push(String(key?.currentMaterialId))
      }
      await world.call(name, inputOf(operation))
      const { additionalEventData = {} } = world.records.at(-1) ?? {}
      const said = Object.entries(additionalEventData).filter(([member]) => /keyMaterialId$/i.test(member))
      const members = used.length === 1 ? ['keyMaterialId'] : ['sourceKeyMaterialId', 'destinationKeyMaterialId']
      expect(said).toEqual(members.map((member, at) => [member, used[at]]))
    })

  if ('DryRun' in operation.input.members) {
    test('answers a dry run that would succeed with DryRunOperationException', async () => {
      const { status, json } = await world.call(name, { ...inputOf(operation), DryRun: true })
      expect([status, json.__type, json.message]).toEqual([
        400,
        'DryRunOperationException',
        'The request would have succeeded, but the DryRun option is set.',
      ])
      expect(world.records.at(-1)).toMatchObject({ errorCode: 'DryRunOperationException' })
    })
  }

  test('writes nothing sensitive and no bytes into its record, nor into the log', async () => {
    await prepare(operation)
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0'
    const marked: Record<string, unknown> = {}
    for (const [member, shape] of members) {
      if (shape.kind === 'blob') marked[member] = secret
      if (shape.sensitive && shape.kind === 'list') marked[member] = [secret]
    }
    await world.call(name, { ...inputOf(operation), ...marked })
    const answer = await world.call(name, inputOf(operation))
    const texts = JSON.stringify([world.records, world.intents, world.logged])
    expect(texts).not.toContain(secret)
    expect(texts).not.toContain(base64('plaintext'))
    for (const [member, shape] of Object.entries<AnyShape>(operation.output.members)) {
      const value = answer.json[member]
      if (shape.kind === 'blob' && typeof value === 'string') expect(texts).not.toContain(value)
    }
  })

  test('is refused, with nothing answered, when its record cannot be written', async () => {
    await prepare(operation)
    world.auditFailure = new Error('the disk is full')
    const { status, json } = await world.call(name, inputOf(operation))
    expect([status, json.__type]).toEqual([500, 'KMSInternalException'])
    expect(Object.keys(json)).toEqual(['__type', 'message'])
    expect(JSON.stringify(world.logged)).toContain('the disk is full')
    expect(json.message).not.toContain('disk')
  })
})

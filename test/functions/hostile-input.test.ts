/** Requests that are made to cost more than they say, and what is left of them: nobody else waits for them or suffers. */
import { beforeEach, describe, expect, test } from 'vitest'
import { operations } from '../../functions/index.ts'
import type { AnyOperation } from '../../lib/operation.ts'
import { type Stage, stage, validInputs } from '../harness/inputs.ts'
import { base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
let at: Stage
beforeEach(async () => {
  world = await TestWorld.start()
  at = await stage(world)
})

const refusal = ({ status, json }: Awaited<ReturnType<TestWorld['call']>>) => [status, json.__type, json.message]
const all: readonly AnyOperation[] = operations

describe('a record', () => {
  const bytesOf = () => Buffer.byteLength(JSON.stringify(world.records.at(-1)))

  test('of a request with a huge member says how large it was, and keeps the others', async () => {
    const EncryptionContext = { a: '€'.repeat(200_000) }
    await world.call('Encrypt', { KeyId: at.keyId, Plaintext: base64('x'), EncryptionContext })
    expect(world.records.at(-1)).toMatchObject({
      errorCode: 'ValidationException',
      requestParameters: { keyId: at.keyId, encryptionContext: { omitted: true, originalSize: 600_008 } },
    })
    expect(bytesOf()).toBeLessThan(4000)
  })

  test('of a change with a huge member is as small, before and after', async () => {
    const Tags = Array.from({ length: 20_000 }, (_, index) => ({ TagKey: `key-${index}`, TagValue: '' }))
    await world.call('TagResource', { KeyId: at.keyId, Tags })
    expect(world.records.at(-1)).toMatchObject({ errorCode: 'TagException', requestParameters: { keyId: at.keyId } })
    expect(bytesOf()).toBeLessThan(4000)
    await world.call('CreateGrant', {
      KeyId: at.keyId,
      GranteePrincipal: 'arn:aws:iam::000000000000:root',
      Operations: Array.from({ length: 20_000 }, () => 'Encrypt'),
    })
    expect(world.records.at(-1)).not.toHaveProperty('errorCode')
    expect(world.intents.at(-1)?.requestParameters).toMatchObject({ operations: { omitted: true } })
  })

  test('holds whole what the largest key that there may be was made with, in ordinary text', async () => {
    const long = (length: number) => 'x'.repeat(length)
    const input = {
      ...validInputs.CreateKey?.(at),
      Description: long(8192),
      Tags: Array.from({ length: 50 }, (_, index) => ({
        TagKey: String(index).padEnd(128, 'k'),
        TagValue: long(256),
      })),
    }
    expect((await world.call('CreateKey', input)).status).toBe(200)
    expect(world.records.at(-1)?.requestParameters).toMatchObject({ description: long(8192) })
    expect(JSON.stringify(world.records.at(-1))).not.toContain('omitted')
  })
})

describe('a request', () => {
  test('with very many mistakes is told of the first thousand', async () => {
    const Operations = Array.from({ length: 50_000 }, () => 'x')
    const { json } = await world.call('CreateGrant', { KeyId: at.keyId, Operations })
    expect(json.__type).toBe('ValidationException')
    expect(json.message).toMatch(/^1000 validation errors detected: Value 'x' at 'operations\.1\.member' failed/)
    expect(json.message.length).toBeLessThan(1_000_000)
  })

  test('larger than a megabyte is refused, and is on record', async () => {
    const padded = (length: number) => {
      const json = JSON.stringify({ KeyId: at.keyId, Unknown: '' })
      return json.replace('""', `"${'x'.repeat(length - json.length)}"`)
    }
    expect((await world.call('DescribeKey', padded(1_048_576))).status).toBe(200)
    const tooLarge = await world.call('DescribeKey', padded(1_048_577))
    expect(refusal(tooLarge)).toEqual([
      413,
      'RequestEntityTooLargeException',
      'The request is larger than 1048576 bytes.',
    ])
    expect(world.records.at(-1)).toMatchObject({
      eventName: 'DescribeKey',
      errorCode: 'RequestEntityTooLargeException',
    })
  })

  test.each([
    ['[', ']'],
    ['{"a":', '}'],
  ])('nested %s a hundred thousand times over is read or refused', async (open, close) => {
    const deep = `${open.repeat(100_000)}1${close.repeat(100_000)}`
    expect((await world.call('ListKeys', `{"Unknown":${deep}}`)).status).toBe(200)
    expect(refusal(await world.call('ListKeys', `{"Marker":${deep}}`)).slice(0, 2)).toEqual([
      400,
      'SerializationException',
    ])
  })

  test('that says a member twice means the last, and a prototype is nothing', async () => {
    const { json } = await world.call('DescribeKey', `{"KeyId":"none","KeyId":"${at.keyId}"}`)
    expect(json.KeyMetadata.KeyId).toBe(at.keyId)
    expect(refusal(await world.call('DescribeKey', `{"__proto__":{"KeyId":"${at.keyId}"}}`))).toEqual([
      400,
      'ValidationException',
      "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    ])
  })

  test.each(['1e0', '1.0', '10e-1'])('takes %s for the number that it is', async (number) => {
    expect((await world.call('ListKeys', `{"Limit":${number}}`)).json.Keys).toHaveLength(1)
  })
  test.each(['1.5', '1e400', '-1e400', '2147483648', '"1"'])('refuses %s for a whole number', async (number) => {
    expect(refusal(await world.call('ListKeys', `{"Limit":${number}}`))[1]).toBe('SerializationException')
  })
})

describe('a marker', () => {
  const paged = all.filter(({ input }) => 'Marker' in input.members).map(({ name }) => name)
  /** Made by another list, or by nobody. */
  const forged = ['x', '*', ' ', 'ÿ', Buffer.from('zz:x').toString('base64url'), Buffer.from('k').toString('base64url')]

  test.each(paged)('that %s did not give is refused without a word', async (name) => {
    const ask = (Marker: string) => world.call(name, { ...validInputs[name]?.(at), Marker })
    const others = { ListKeys: 'a:x' }[name] ?? 'k:x'
    for (const marker of [...forged, Buffer.from(others).toString('base64url')]) {
      expect([marker, await ask(marker)]).toMatchObject([
        marker,
        { status: 400, json: { __type: 'InvalidMarkerException' } },
      ])
      expect((await ask(marker)).json).not.toHaveProperty('message')
    }
  })

  test('of another account leads to nothing of that account', async () => {
    const stranger = {
      accessKeyId: 'AKIASTRANGERSTRANGER',
      secretAccessKey: 'another-secret-for-tests-guarding-nothin',
    }
    await world.addRoot('999999999999', stranger)
    const { json } = await world.call('ListKeys', { Limit: 1 })
    expect((await world.call('ListKeys', { Marker: json.NextMarker }, stranger)).json).toEqual({
      Keys: [],
      Truncated: false,
    })
  })
})

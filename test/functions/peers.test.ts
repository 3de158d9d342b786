/** The door that other Regions come in by: what is let in, what is not, and what is on record of both. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { handler } from '../../functions/peers.ts'
import { peerAccessKeyId, peerPath, peerService, peerSigningKey } from '../../lib/identity/peer-signature.ts'
import { signed } from '../../lib/identity/signing.ts'
import type { Key, Material } from '../../lib/keys/key.ts'
import type { Letter } from '../../lib/regions/peers.ts'
import { letters } from '../../lib/store/letters.ts'
import { SoftHsm } from '../harness/soft-hsm.ts'
import { account, base64, root, TestWorld } from '../harness/world.ts'

let east: TestWorld
let west: TestWorld
let key: Key
let material: Material
beforeEach(async () => {
  east = await TestWorld.start()
  west = await east.neighbour('us-west-2')
  const { KeyId } = await east.key({ MultiRegion: true })
  await east.call('ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
  const [stored] = await east.store.materials.list(KeyId)
  const found = await east.store.keys.find(KeyId)
  if (!found || !stored) throw new Error('the stage has no key')
  key = found
  material = stored
  west.records.length = 0
})

interface By {
  readonly hsm?: Pick<SoftHsm, 'macForPeers'>
  readonly region?: string
  readonly accessKeyId?: string
  readonly service?: string
  /** Sent in the place of what was signed. */
  readonly body?: Uint8Array
}

async function deliver(body: Uint8Array, by: By = {}) {
  const { hsm = east.hsm, region = 'us-west-2', accessKeyId = peerAccessKeyId, service = peerService } = by
  const keyOf = (date8: string) => peerSigningKey(hsm, date8, region)
  const headers = await signed(
    { method: 'POST', path: peerPath, host: 'us-west-2', body },
    { accessKeyId, region, service, keyOf },
    east.nowMs,
  )
  const sent = { method: 'POST', target: peerPath, headers, body: by.body ?? body }
  return west.receive(sent, handler)
}
const tell = (over: Partial<Key> = {}, materials: readonly Material[] = [], kind: Letter['kind'] = 'tell') =>
  letters.write({ kind, key: { ...key, ...over }, materials })
const refusals = () => west.records.map(({ eventName, errorCode }) => [eventName, errorCode])
const later = { primary: 'us-east-1', replicas: ['us-west-2'], sequence: 99 }

describe('a letter', () => {
  test('of another Region of the domain is done, and answered with the key as it is then', async () => {
    const { status, json } = await deliver(tell({ multiRegion: later, onDemandRotations: 7 }, [material]))
    expect([status, json.key.arn]).toEqual([200, `arn:aws:kms:us-west-2:${account}:key/${key.id}`])
    expect((await west.store.keys.find(key.id))?.onDemandRotations).toBe(7)
    expect(west.records).toMatchObject([{ eventName: 'SynchronizeMultiRegionKey', awsRegion: 'us-west-2' }])
  })

  test('that comes late, or twice, changes nothing', async () => {
    const before = await west.store.keys.find(key.id)
    const old = { ...later, sequence: 1 }
    expect((await deliver(tell({ multiRegion: old, onDemandRotations: 7 }))).status).toBe(200)
    const letter = tell({}, [material])
    await deliver(letter)
    await deliver(letter)
    expect(await west.store.keys.find(key.id)).toEqual(before)
  })

  test.each([
    ['without a signature', {}, 'MissingAuthenticationTokenException'],
    ['signed by the root user', { by: root }, 'InvalidSignatureException'],
  ] as const)('%s is refused', async (_, { by }: { by?: typeof root }, type) => {
    const headers = { host: 'us-west-2', 'content-type': 'application/json' }
    const request = { method: 'POST', target: peerPath, headers, body: Buffer.from(tell()).toString() }
    const { status, json } = await west.send(request, by ?? 'nobody', handler)
    expect([status, json.__type]).toEqual([400, type])
    expect(refusals()).toEqual([['SynchronizeMultiRegionKey', type]])
  })

  test('of another domain, for another Region, for another service, or changed on its way, is refused', async () => {
    const before = await west.store.keys.find(key.id)
    const letter = tell({ multiRegion: later, onDemandRotations: 7 })
    const cases: [By, string][] = [
      [{ hsm: new SoftHsm() }, 'InvalidSignatureException'],
      [
        { hsm: { macForPeers: async () => new Uint8Array(createSecretKey(randomBytes(32)).export()) } },
        'InvalidSignatureException',
      ],
      [{ region: 'eu-west-1' }, 'InvalidSignatureException'],
      [{ service: 'kms' }, 'InvalidSignatureException'],
      [{ accessKeyId: 'AKIAROOTROOTROOTROOT' }, 'UnrecognizedClientException'],
      [{ body: tell({ multiRegion: later, onDemandRotations: 8 }) }, 'InvalidSignatureException'],
    ]
    for (const [by, type] of cases) expect((await deliver(letter, by)).json.__type).toBe(type)
    expect(await west.store.keys.find(key.id)).toEqual(before)
    expect(refusals()).toEqual(cases.map(([, type]) => ['SynchronizeMultiRegionKey', type]))
  })

  test('that is none is refused, whatever it holds', async () => {
    const odd = ['', '{', '[]', 'null', '{"kind":"tell"}', JSON.stringify({ kind: 'take', key: {}, materials: [] })]
    for (const text of odd) expect((await deliver(Buffer.from(text))).json.__type).toBe('SerializationException')
    const more = JSON.parse(Buffer.from(tell()).toString())
    more.key.unheardOf = true
    expect((await deliver(Buffer.from(JSON.stringify(more)))).json.__type).toBe('SerializationException')
  })

  test('with material that the tokens of the domain did not make for this key is refused before any is stored', async () => {
    const other = await new SoftHsm().generate({
      purpose: 'key-material',
      account,
      id: key.id,
      materialId: 'a'.repeat(64),
      spec: key.spec,
    })
    const forged = { ...material, id: 'a'.repeat(64), ...other }
    const moved = { ...material, id: 'b'.repeat(64) }
    for (const each of [forged, moved]) {
      const { status, json } = await deliver(tell({}, [material, each]))
      expect([status, json.__type]).toEqual([500, 'KeyUnavailableException'])
    }
    const stranger = { ...material, keyId: 'mrk-00000000000000000000000000000000' }
    expect((await deliver(tell({}, [stranger]))).json.__type).toBe('ValidationException')
    expect((await west.store.materials.list(key.id)).map(({ id }) => id)).toEqual([material.id])
  })

  test('about a single-Region key, a key of this Region, or a key that is another one here, is refused', async () => {
    const { KeyId } = await west.key()
    const single = await west.store.keys.find(KeyId)
    const here = await west.store.keys.find(key.id)
    const { multiRegion: _, ...none } = key
    const cases: Letter[] = [
      { kind: 'tell', key: { ...single, multiRegion: later } as Key, materials: [] },
      { kind: 'create', key: { ...single, multiRegion: later } as Key, materials: [] },
      { kind: 'tell', key: here as Key, materials: [] },
      { kind: 'create', key, materials: [] },
      { kind: 'create', key: { ...(here as Key), state: 'Enabled' }, materials: [] },
      {
        kind: 'create',
        key: { ...(here as Key), state: 'Creating', multiRegion: { ...later, primary: 'us-west-2' } },
        materials: [],
      },
      { kind: 'tell', key: none, materials: [] },
      { kind: 'tell', key: { ...key, usage: 'SIGN_VERIFY', multiRegion: later }, materials: [] },
      { kind: 'tell', key: { ...key, spec: 'HMAC_256', multiRegion: later }, materials: [] },
      { kind: 'leave', key: { ...key, keyStore: { id: 'cks-1' } }, materials: [] },
    ]
    for (const letter of cases) {
      const { status, json } = await deliver(letters.write(letter))
      expect([letter.kind, status, json.__type]).toEqual([letter.kind, 400, 'ValidationException'])
    }
    expect(await west.store.keys.find(key.id)).toEqual(here)
    expect(await west.store.keys.find(KeyId)).toEqual(single)
  })

  test('is not done when it cannot be put on record', async () => {
    const before = await west.store.keys.find(key.id)
    west.auditFailure = new Error('the disk is full')
    const { status, json } = await deliver(tell({ multiRegion: later, onDemandRotations: 7 }))
    expect([status, json.__type]).toEqual([500, 'KMSInternalException'])
    expect(await west.store.keys.find(key.id)).toEqual(before)
  })

  test('leaves nothing of itself in records or logs', async () => {
    await deliver(tell({ multiRegion: later }, [material]))
    await deliver(tell({}, [{ ...material, id: 'b'.repeat(64) }]))
    const written = JSON.stringify([west.records, west.logged])
    expect(written).not.toContain(base64(material.wrapped.blob))
    expect(written).not.toContain(Buffer.from(material.wrapped.binding).toString('base64'))
  })
})

test('a blob of a single-Region key, put into the store of another Region, opens nothing there', async () => {
  const { KeyId } = await east.key()
  const CiphertextBlob = (await east.call('Encrypt', { KeyId, Plaintext: base64('x') })).json.CiphertextBlob
  const single = await east.store.keys.find(KeyId)
  const [own] = await east.store.materials.list(KeyId)
  if (!single || !own) throw new Error('the stage has no key')
  await west.store.keys.create({ ...single, arn: single.arn.replace('us-east-1', 'us-west-2') }, own)
  const { status, json } = await west.call('Decrypt', { CiphertextBlob })
  expect([status, json.__type]).toEqual([500, 'KeyUnavailableException'])
})

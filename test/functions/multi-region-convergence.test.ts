/** Whatever is asked of a family of keys, and whichever letters are lost: what was promised holds, and in the end all agree. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { handler as rotate } from '../../functions/scheduled/rotate-key.ts'
import { handler as synchronize } from '../../functions/scheduled/synchronize-multi-region-key.ts'
import type { Key } from '../../lib/keys/key.ts'
import { multiRegionTypeOf, regionOf } from '../../lib/keys/regions.ts'
import { useWorld } from '../../lib/runtime.ts'
import { base64, regions, TestWorld } from '../harness/world.ts'

type Step =
  /** `at` a Region, or wherever the primary is. */
  | { readonly act: string; readonly at: string; readonly to: string }
  | { readonly cut: string; readonly letters: number }
  | { readonly wait: number }

const region = fc.constantFrom(...regions)
const primary = 'the primary'
const action = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('RotateKeyOnDemand', 'Encrypt') },
  { weight: 2, arbitrary: fc.constant('UpdatePrimaryRegion') },
  { weight: 2, arbitrary: fc.constantFrom('EnableKeyRotation', 'DisableKeyRotation', 'ReplicateKey') },
  { weight: 1, arbitrary: fc.constantFrom('DisableKey', 'EnableKey') },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ act: action, at: fc.oneof(region, fc.constant(primary), fc.constant(primary)), to: region }),
  },
  { weight: 2, arbitrary: fc.record({ cut: region, letters: fc.integer({ min: 0, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ cut: region, letters: fc.constant(Number.POSITIVE_INFINITY) }) },
  { weight: 1, arbitrary: fc.record({ wait: fc.constantFrom(60_000, 90 * 86_400_000) }) },
)

class Family {
  readonly #worlds: ReadonlyMap<string, TestWorld>
  readonly #id: string
  readonly #ciphertexts: string[] = []

  private constructor(worlds: ReadonlyMap<string, TestWorld>, id: string) {
    this.#worlds = worlds
    this.#id = id
  }

  static async start(): Promise<Family> {
    const east = await TestWorld.start()
    const worlds = new Map<string, TestWorld>()
    for (const each of regions) worlds.set(each, await east.neighbour(each))
    const { KeyId } = await east.key({ MultiRegion: true })
    await east.call('ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
    return new Family(worlds, KeyId)
  }

  #world(at: string): TestWorld {
    const world = this.#worlds.get(at)
    if (!world) throw new Error(`no Region ${at}`)
    return world
  }

  async do(next: Step): Promise<void> {
    const { network } = this.#world('us-east-1')
    if ('cut' in next) network.cut.set(next.cut, next.letters)
    else if ('wait' in next) await this.pass(next.wait)
    else {
      const members = {
        EnableKeyRotation: { RotationPeriodInDays: 90 },
        ReplicateKey: { ReplicaRegion: next.to },
        UpdatePrimaryRegion: { PrimaryRegion: next.to },
        Encrypt: { Plaintext: base64('kept') },
      }[next.act]
      const at = next.at === primary ? await this.#primary() : next.at
      const { status, json } = await this.#world(at).call(next.act, { KeyId: this.#id, ...members })
      // Refused, or a Region out of reach: never an accident.
      expect([next.act, json.__type, [200, 400, 503].includes(status)]).toEqual([next.act, json.__type, true])
      if (json.CiphertextBlob) this.#ciphertexts.push(json.CiphertextBlob)
    }
  }

  async #primary(): Promise<string> {
    const key = (await this.keys()).find((each) => multiRegionTypeOf(each) === 'PRIMARY')
    return key ? regionOf(key) : 'us-east-1'
  }

  async pass(ms: number): Promise<void> {
    this.#world('us-east-1').nowMs += ms
    for (const world of this.#worlds.values()) {
      for (const due of [synchronize, rotate]) {
        useWorld(world.open)
        await due({})
      }
    }
  }

  heal(): void {
    this.#world('us-east-1').network.cut.clear()
  }

  async keys(): Promise<readonly Key[]> {
    const found = await Promise.all([...this.#worlds.values()].map(({ store }) => store.keys.find(this.#id)))
    return found.filter((key) => key !== undefined)
  }

  /** What one Region encrypted opens wherever the key can be used. */
  async demandAllOpen(): Promise<void> {
    for (const world of this.#worlds.values()) {
      const key = await world.store.keys.find(this.#id)
      if (key?.state !== 'Enabled' && key?.state !== 'Updating') continue
      for (const CiphertextBlob of this.#ciphertexts) {
        expect((await world.call('Decrypt', { CiphertextBlob })).json.Plaintext).toBe(base64('kept'))
      }
    }
  }
}

const seldom = process.env.SLOW === '1' ? 1000 : 60

test('there is never more than one primary, all that was encrypted opens everywhere, and in the end all agree', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const family = await Family.start()
      for (const next of steps) {
        await family.do(next)
        const primaries = (await family.keys()).filter((key) => multiRegionTypeOf(key) === 'PRIMARY')
        expect(primaries.length).toBeLessThanOrEqual(1)
        await family.demandAllOpen()
      }
      family.heal()
      for (let rounds = 0; rounds < 4; rounds++) await family.pass(60_000)
      await family.demandAllOpen()
      const keys = await family.keys()
      const shared = keys.map(({ multiRegion, currentMaterialId, rotation, onDemandRotations }) => ({
        multiRegion,
        currentMaterialId,
        rotation,
        onDemandRotations,
      }))
      for (const each of shared) expect(each).toEqual(shared[0])
      expect(keys.filter((key) => multiRegionTypeOf(key) === 'PRIMARY')).toHaveLength(1)
      expect(keys.map(({ state }) => state).filter((state) => state !== 'Enabled' && state !== 'Disabled')).toEqual([])
      expect(keys).toHaveLength(1 + (shared[0]?.multiRegion?.replicas.length ?? 0))
    }),
    { numRuns: seldom },
  )
}, 120_000)

test('changes made at once end in one state that both Regions agree on', async () => {
  const east = await TestWorld.start()
  const west = await east.neighbour('us-west-2')
  const { KeyId } = await east.key({ MultiRegion: true })
  await east.call('ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
  const rotations = Array.from({ length: 4 }, () => east.call('RotateKeyOnDemand', { KeyId }))
  const settings = [90, 180].map((days) => east.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: days }))
  const answers = await Promise.all([...rotations, ...settings])
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  east.nowMs += 60_000
  useWorld(east.open)
  await synchronize({})
  const shared = async (world: TestWorld) => {
    const { currentMaterialId, rotation, onDemandRotations, multiRegion } = (await world.store.keys.find(KeyId)) ?? {}
    return { currentMaterialId, rotation, onDemandRotations, multiRegion }
  }
  expect(await shared(west)).toEqual(await shared(east))
  expect((await shared(west)).onDemandRotations).toBe(4)
})

import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Grant, retirableSortValue } from '../../../lib/grants/grant.ts'
import { Conflict, type Page, type PageRequest } from '../../../lib/ports.ts'
import type { Records } from '../../../lib/store/cached.ts'
import { aGrant, aKey, aMaterial } from '../../harness/store.ts'

const idOf = ({ id }: Grant) => id
const ids = (grants: readonly Grant[]) => grants.map(idOf).toSorted()

async function all(list: (page: PageRequest) => Promise<Page<Grant>>, sortValue: (grant: Grant) => string) {
  const pages: (readonly Grant[])[] = []
  for (let more = true; more; ) {
    const last = pages.at(-1)?.at(-1)
    const page = await list({ limit: 2, ...(last && { after: sortValue(last) }) })
    pages.push(page.items)
    more = page.more
  }
  return pages
}

/** What every store does with grants. */
export function keepsGrants(opened: () => Records): void {
  const grants = () => opened().grants

  describe('grants', () => {
    test('are found as they were created', async () => {
      const grant = aGrant(randomUUID(), 'AROAEXAMPLE:session', {
        name: 'orders',
        retiring: { text: 'arn:aws:iam::111122223333:root', bound: '111122223333' },
        constraints: { EncryptionContextEquals: { a: '1', '': '', ['__proto__']: 'x' } },
      })
      expect(await grants().find(grant.keyId, grant.id)).toBeUndefined()
      await grants().create(grant)
      const found = await grants().find(grant.keyId, grant.id)
      expect(found).toStrictEqual(grant)
      expect(Object.entries(found?.constraints?.EncryptionContextEquals ?? {})).toContainEqual(['__proto__', 'x'])
      expect(await grants().find(randomUUID(), grant.id)).toBeUndefined()
    })

    test('are not created twice, and the first stays as it is', async () => {
      const grant = aGrant(randomUUID())
      await grants().create(grant)
      await expect(grants().create({ ...grant, name: 'second' })).rejects.toThrow(Conflict)
      expect(await grants().find(grant.keyId, grant.id, { fresh: true })).toStrictEqual(grant)
    })

    test('are counted up to the most, whoever counts at once, and no further', async () => {
      const { tallies } = grants()
      const keyId = randomUUID()
      expect(await tallies.find(keyId)).toBeUndefined()
      const counted = await Promise.all(Array.from({ length: 30 }, () => tallies.countUp(keyId, 20, 7)))
      expect(counted.filter((each) => each)).toHaveLength(20)
      expect(await tallies.find(keyId)).toEqual({ keyId, revision: 20, count: 20, at: 7 })
      expect(await tallies.countUp(keyId, 20, 8)).toBe(false)
      expect(await grants().list(keyId, { limit: 10 })).toEqual({ items: [], more: false })
    })

    test('have a tally that is put right only by who has seen its last change, and goes with the key', async () => {
      const { tallies } = grants()
      const keyId = randomUUID()
      await tallies.countUp(keyId, 20, 7)
      const seen = { keyId, revision: 1, count: 5, at: 8, countedAt: 8 }
      await tallies.replace(seen)
      expect(await tallies.find(keyId)).toEqual({ ...seen, revision: 2 })
      await expect(tallies.replace(seen)).rejects.toThrow(Conflict)
      await tallies.countUp(keyId, 20, 9)
      expect(await tallies.find(keyId)).toEqual({ ...seen, revision: 3, count: 6, at: 9 })
      await tallies.remove(keyId)
      await tallies.remove(keyId)
      expect(await tallies.find(keyId)).toBeUndefined()
    })

    test('are once created when 20 writers create the same at once', async () => {
      const grant = aGrant(randomUUID())
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => grants().create(grant)))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    test('are those of one grantee on one key, whatever else the key has', async () => {
      const [keyId, other] = [randomUUID(), randomUUID()]
      const material = aMaterial(keyId)
      await opened().keys.create(aKey({ id: keyId }), material)
      const [ofAlice, ofBob] = ['AIDAALICE', 'AIDABOB'].map((bound) => [1, 2, 3].map(() => aGrant(keyId, bound)))
      expect(await grants().ofGrantee(keyId, 'AIDAALICE')).toStrictEqual([])
      for (const grant of [...(ofAlice ?? []), ...(ofBob ?? []), aGrant(other, 'AIDAALICE')])
        await grants().create(grant)
      expect(ids(await grants().ofGrantee(keyId, 'AIDAALICE'))).toStrictEqual(ids(ofAlice ?? []))
      expect(ids(await grants().ofGrantee(keyId, 'AIDABOB'))).toStrictEqual(ids(ofBob ?? []))
      expect(await grants().ofGrantee(keyId, 'AIDACAROL')).toStrictEqual([])
    })

    test('are listed by key, and by grantee, in pages that end exactly', async () => {
      const keyId = randomUUID()
      const made = ['AIDAALICE', 'AIDABOB'].flatMap((bound) => [1, 2, 3, 4].map(() => aGrant(keyId, bound)))
      for (const grant of made) await grants().create(grant)
      const whole = await all((page) => grants().list(keyId, page), idOf)
      expect(whole.flat().map(idOf)).toStrictEqual(ids(made))
      expect(whole).toHaveLength(4)
      const ofBob = await all((page) => grants().list(keyId, page, 'AIDABOB'), idOf)
      expect(ofBob.flat().map(idOf)).toStrictEqual(ids(made.filter(({ grantee }) => grantee.bound === 'AIDABOB')))
      expect(ofBob).toHaveLength(2)
    })

    test('are found by who may retire them, on whatever key', async () => {
      const retiring = { text: 'somebody', bound: `AIDA${randomUUID()}` }
      const made = [randomUUID(), randomUUID()].flatMap((keyId) => [1, 2].map(() => aGrant(keyId, 'a', { retiring })))
      for (const grant of [...made, aGrant(randomUUID())]) await grants().create(grant)
      const found = () => all((page) => grants().retirableBy(retiring.bound, page), retirableSortValue)
      await expect.poll(async () => (await found()).flat().length).toBe(4)
      expect((await found()).flat().map(retirableSortValue)).toStrictEqual(made.map(retirableSortValue).toSorted())
    })

    test('are gone once removed, wherever they were found; one made anew stays', async () => {
      const retiring = { text: 'somebody', bound: `AIDA${randomUUID()}` }
      const grant = aGrant(randomUUID(), 'AIDAALICE', { retiring })
      await grants().create(grant)
      expect(await grants().ofGrantee(grant.keyId, 'AIDAALICE')).toHaveLength(1)
      await grants().remove({ ...grant, createdAt: grant.createdAt - 1 })
      expect(await grants().find(grant.keyId, grant.id)).toStrictEqual(grant)
      await grants().remove(grant)
      await grants().remove(grant)
      expect(await grants().find(grant.keyId, grant.id)).toBeUndefined()
      expect(await grants().ofGrantee(grant.keyId, 'AIDAALICE')).toStrictEqual([])
      await expect.poll(async () => (await grants().retirableBy(retiring.bound, { limit: 9 })).items).toStrictEqual([])
    })
  })
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KMSInternalException } from '../../../lib/errors.ts'
import { type Key, keyStates } from '../../../lib/keys/key.ts'
import { grantKind, tallyKind } from '../../../lib/store/grants.ts'
import {
  accessKeyKind,
  aliasKind,
  fromItem,
  type Item,
  type Kind,
  keyKind,
  materialKind,
  toItem,
  useKind,
} from '../../../lib/store/items.ts'
import {
  groupKind,
  linkKind,
  managedPolicyKind,
  nameKind,
  providerKind,
  roleKind,
  userKind,
} from '../../../lib/store/principals.ts'
import { openStore } from '../../../lib/store/store.ts'
import { aGroup, aManagedPolicy, aProvider, aRole, aUser } from '../../harness/identities.ts'
import { aGrant, aKey, aMaterial, anAccessKey, anAlias, withDirectory } from '../../harness/store.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 200 })
const tagKey = fc.oneof(
  text,
  fc.constantFrom('__proto__', 'constructor', 'toString', 'PK', 'revision', '#a', ':b', '', '0', ' ', '\0'),
)
const tags = fc
  .uniqueArray(fc.tuple(tagKey, text), { selector: ([name]) => name, maxLength: 50 })
  .map((pairs) => Object.fromEntries(pairs))
const time = fc.integer({ min: 0, max: 4_102_444_800_000 })
const key: fc.Arbitrary<Key> = fc
  .record(
    {
      description: text,
      policy: text,
      state: fc.constantFrom(...keyStates),
      tags,
      createdAt: time,
      revision: fc.nat(),
      currentMaterialId: text,
      newestMaterialId: text,
      rotation: fc.record({ periodInDays: fc.nat(), nextAt: time }, { noNullPrototype: true }),
      onDemandRotations: fc.nat(),
      imports: fc.array(
        fc.record(
          {
            materialId: text,
            state: fc.constantFrom('IMPORTED', 'PENDING_IMPORT'),
            validTo: time,
            description: text,
            pending: fc.boolean(),
            rotatedAt: time,
          },
          { noNullPrototype: true, requiredKeys: ['materialId', 'state'] },
        ),
        { maxLength: 3 },
      ),
      deletion: fc.record({ at: time }, { noNullPrototype: true }),
    },
    { noNullPrototype: true, requiredKeys: ['description', 'policy', 'state', 'tags', 'createdAt', 'revision'] },
  )
  .map((given) => aKey(given))

/** toStrictEqual does not look at an own member called `__proto__`. */
const members = ({ tags, ...rest }: Key) => ({ ...rest, tags: Object.entries(tags).sort() })

describe('an item', () => {
  test('gives back the key it was made from, whatever its texts and tags are', () => {
    fc.assert(
      fc.property(key, (given) => {
        expect(members(fromItem(keyKind, toItem(keyKind, given)))).toStrictEqual(members(given))
      }),
      { numRuns: 500 },
    )
  })

  test('gives back the key it was made from after it has been on disk', async () => {
    await withDirectory(async (directory) => {
      const store = await openStore({ kind: 'embedded', directory, cacheTtlMs: 0, now: Date.now })
      try {
        await fc.assert(
          fc.asyncProperty(key, async (given) => {
            await store.keys.create(given)
            const found = await store.keys.find(given.id)
            expect(found && members(found)).toStrictEqual(members(given))
          }),
          { numRuns: 100 },
        )
      } finally {
        await store.close()
      }
    })
  }, 30_000)

  test('has the names of its attributes from us alone', () => {
    const item = toItem(keyKind, aKey({ tags: { PK: 'x', revision: 'x', ['__proto__']: 'x' } }))
    expect(Object.keys(item).sort()).toStrictEqual([
      'GSI1PK',
      'GSI1SK',
      'PK',
      'SK',
      'account',
      'arn',
      'createdAt',
      'description',
      'id',
      'origin',
      'policy',
      'revision',
      'spec',
      'state',
      'tags',
      'type',
      'usage',
      'v',
    ])
  })

  test('of a key is found by its deletion date while deletion is pending, and only then', () => {
    const due: Key = aKey({ id: 'mrk-0000000000000000000000000000000c', state: 'PendingDeletion', deletion: { at: 0 } })
    expect(toItem(keyKind, due)).toMatchObject({
      GSI2PK: 'DUE#delete#c',
      GSI2SK: '1970-01-01T00:00:00.000Z#mrk-0000000000000000000000000000000c',
    })
    const back: Key = { ...due, state: 'Disabled' }
    expect(toItem(keyKind, back)).not.toHaveProperty('GSI2PK')
  })

  test('of a key is found by the date of its next rotation while it is enabled, and only then', () => {
    const id = 'mrk-0000000000000000000000000000000c'
    const due: Key = aKey({ id, rotation: { periodInDays: 90, nextAt: 0 } })
    expect(toItem(keyKind, due)).toMatchObject({
      GSI2PK: 'DUE#rotate#c',
      GSI2SK: `1970-01-01T00:00:00.000Z#${id}`,
    })
    const disabled: Key = { ...due, state: 'Disabled' }
    expect(toItem(keyKind, disabled)).not.toHaveProperty('GSI2PK')
    const pending: Key = { ...due, state: 'PendingDeletion', deletion: { at: 0 } }
    expect(toItem(keyKind, pending)).toHaveProperty('GSI2PK', 'DUE#delete#c')
  })

  test('is not made of text that would come back as other text', () => {
    expect(() => toItem(keyKind, aKey({ description: 'half a pair: \ud83d' }))).toThrow(KMSInternalException)
  })
})

const read = <T>(kind: Kind<T>, value: T) => ({ item: toItem(kind, value), from: (item: Item) => fromItem(kind, item) })
const pending: Key = aKey({ tags: { a: 'b' }, state: 'PendingDeletion', deletion: { at: 1 } })

describe.each([
  { what: 'key', ...read(keyKind, pending) },
  { what: 'material', ...read(materialKind, aMaterial('some-key')) },
  { what: 'grant', ...read(grantKind, aGrant('some-key')) },
  { what: 'tally', ...read(tallyKind, { keyId: 'some-key', revision: 2, count: 2, at: 1, countedAt: 1 }) },
  { what: 'alias', ...read(aliasKind, anAlias('alias/x', 'some-key')) },
  {
    what: 'use',
    ...read(useKind, { keyId: 'some-key', operation: 'Sign', at: 1, eventId: 'e', requestId: 'r' }),
  },
  { what: 'access key', ...read(accessKeyKind, anAccessKey('AKIAEXAMPLE')) },
  { what: 'user', ...read(userKind, aUser('bob')) },
  { what: 'role', ...read(roleKind, aRole('app')) },
  { what: 'group', ...read(groupKind, aGroup('team')) },
  { what: 'managed policy', ...read(managedPolicyKind, aManagedPolicy('all', '{}')) },
  { what: 'OIDC provider', ...read(providerKind, aProvider('issuer.example')) },
  { what: 'link', ...read(linkKind, { target: 'ANPA1', kind: 'attached' as const, from: 'AIDA1', createdAt: 1 }) },
  { what: 'name', ...read(nameKind, { kind: 'user', account: '1', name: 'bob', id: 'AIDA1', revision: 1 }) },
])('a stored $what', ({ item, from }) => {
  const indexed = ['GSI1PK', 'GSI1SK', 'GSI2PK', 'GSI2SK']
  const names = Object.keys(item).filter((name) => !indexed.includes(name))
  const listsOfText = ['groups', 'clientIds', 'thumbprints']
  const optional = ['countedAt', 'currentMaterialId', 'deletion', 'principal', 'status']
  const refuses = (changed: object) => {
    const reading = () => from(changed as Item)
    expect(reading).toThrow(KMSInternalException)
    expect(reading).toThrow(expect.objectContaining({ message: '', cause: expect.any(Error) }))
  }

  test('is read when it is whole', () => {
    expect(() => from({ ...item, write: 'some-write' })).not.toThrow()
  })

  test.each(names.filter((name) => !optional.includes(name)))('is not read without its %s', (name) => {
    refuses(Object.fromEntries(Object.entries(item).filter(([each]) => each !== name)))
  })

  test.each(names)('is not read with a %s of another type', (name) => {
    const others = [
      null,
      true,
      -1,
      1.5,
      ...(listsOfText.includes(name) ? [] : [['a']]),
      [['a']],
      [
        ['a', 'b'],
        ['a', 'c'],
      ],
      {},
      { more: 1 },
      new Set(['a']),
    ]
    for (const other of others) refuses({ ...item, [name]: other })
  })

  test('is not read with an attribute that this version does not know', () => {
    refuses({ ...item, multiRegion: true })
  })

  test('is not read when a later version wrote it', () => {
    refuses({ ...item, v: 2 })
  })

  test('is not read from the place of another', () => {
    refuses({ ...item, PK: `${item.PK}x` })
  })
})

describe('a stored key', () => {
  test.each([
    ['spec', 'RSA_1'],
    ['usage', 'ANY'],
    ['origin', ''],
    ['state', 'enabled'],
  ])('is not read with a %s that is not one', (name, value) => {
    expect(() => fromItem(keyKind, { ...toItem(keyKind, pending), [name]: value })).toThrow(KMSInternalException)
  })
})

import { expect, test } from 'vitest'
import { DependencyTimeoutException, KMSInternalException } from '../../../lib/errors.ts'
import { keysIn } from '../../../lib/store/keys.ts'
import { onlyWhole, restorationAt } from '../../../lib/store/whole.ts'
import { type Items, memoryTable } from '../../harness/memory-table.ts'
import { aKey } from '../../harness/store.ts'

const nameOf = ({ PK, SK }: { PK: string; SK: string }): string => `${PK}\n${SK}`

/** A table that counts what is read of it, by partition. */
function table(items: Items = new Map()) {
  const inner = memoryTable(items)
  const reads: string[] = []
  const counting: typeof inner = {
    ...inner,
    get: (at) => {
      reads.push(at.PK)
      return inner.get(at)
    },
  }
  return { items, reads, inner: counting }
}

test('serves nothing while it is half restored, and takes nothing', async () => {
  const { items, inner } = table()
  items.set(nameOf(restorationAt), { ...restorationAt })
  const key = aKey()
  items.set(`KEY#${key.id}\nKEY`, { PK: `KEY#${key.id}`, SK: 'KEY' })
  const whole = onlyWhole(inner, 'keystead')
  const keys = keysIn(whole)
  for (const call of [
    () => keys.find(key.id),
    () => keys.create(aKey()),
    () => keys.replace(key),
    () => keys.list(key.account, { limit: 10 }),
    () => whole.put({ PK: 'A', SK: 'A' }),
    () => whole.erase({ PK: `KEY#${key.id}`, SK: 'KEY' }, 0),
    () => whole.check(),
  ]) {
    await expect(call()).rejects.toThrow(KMSInternalException)
    await expect(call()).rejects.toMatchObject({
      message: '',
      cause: {
        message: 'The table keystead is half restored: end it with npm run restore, or name another (KEYSTEAD_TABLE)',
      },
    })
  }
  expect(items.size).toBe(2)
})

test('is asked once, with the first call that finds something, and never again', async () => {
  const { items, reads, inner } = table()
  const key = aKey()
  await keysIn(inner).create(key)
  const keys = keysIn(onlyWhole(inner, 'keystead'))
  expect(await keys.find(key.id)).toEqual(key)
  await keys.find(key.id)
  await keys.replace(key)
  await keys.list(key.account, { limit: 10 })
  expect(reads.filter((each) => each === 'RESTORE')).toHaveLength(1)
  expect(items.size).toBe(1)
})

test('is asked with each call while nothing was found in it: a restoration may begin there any time', async () => {
  const { items, reads, inner } = table()
  const keys = keysIn(onlyWhole(inner, 'keystead'))
  for (let times = 1; times <= 3; times++) {
    expect(await keys.find('some-key')).toBeUndefined()
    expect(reads.filter((each) => each === 'RESTORE')).toHaveLength(times)
  }
  items.set(nameOf(restorationAt), { ...restorationAt })
  const key = aKey()
  await keysIn(inner).create(key)
  await expect(keys.find(key.id)).rejects.toThrow(KMSInternalException)
  await expect(keys.create(aKey())).rejects.toThrow(KMSInternalException)
})

test('is not served from when the restoration began and put an item there while that was being read', async () => {
  const { items, inner } = table()
  const key = aKey()
  const keys = keysIn(
    onlyWhole(
      {
        ...inner,
        async get(at) {
          if (at.PK !== 'RESTORE') {
            items.set(nameOf(restorationAt), { ...restorationAt })
            await keysIn(inner).create(key)
          }
          return inner.get(at)
        },
      },
      'keystead',
    ),
  )
  await expect(keys.find(key.id)).rejects.toThrow(KMSInternalException)
})

test('serves as soon as the restoration has ended', async () => {
  const { items, inner } = table()
  items.set(nameOf(restorationAt), { ...restorationAt })
  const keys = keysIn(onlyWhole(inner, 'keystead'))
  await expect(keys.find('some-key')).rejects.toThrow(KMSInternalException)
  items.delete(nameOf(restorationAt))
  expect(await keys.find('some-key')).toBeUndefined()
})

test('is asked again by the next call when it could not be asked, and nothing is served before', async () => {
  const { inner } = table()
  let gone = true
  const keys = keysIn(
    onlyWhole(
      { ...inner, get: (at) => (gone ? Promise.reject(new DependencyTimeoutException('gone')) : inner.get(at)) },
      'keystead',
    ),
  )
  await expect(keys.create(aKey())).rejects.toThrow(DependencyTimeoutException)
  gone = false
  await keys.create(aKey())
})

test('fails its check from the moment a restoration begins', async () => {
  const { items, inner } = table()
  const whole = onlyWhole(inner, 'keystead')
  await whole.check()
  items.set(nameOf(restorationAt), { ...restorationAt })
  await expect(whole.check()).rejects.toThrow(KMSInternalException)
})

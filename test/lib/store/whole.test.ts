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

test('is asked once, before the first call, and never again by a warm one', async () => {
  const { reads, inner } = table()
  const keys = keysIn(onlyWhole(inner, 'keystead'))
  const key = aKey()
  await Promise.all([keys.create(key), keys.find(key.id), keys.find(key.id)])
  await keys.find(key.id)
  expect(reads.filter((each) => each === 'RESTORE')).toHaveLength(1)
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

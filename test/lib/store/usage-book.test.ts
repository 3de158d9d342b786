import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KeyUse } from '../../../lib/keys/usage.ts'
import { UsageBook } from '../../../lib/store/usage-book.ts'
import { memoryStore } from '../../harness/memory-store.ts'

const use = (keyId: string, at: number): KeyUse => ({ keyId, operation: 'Encrypt', at, eventId: 'e', requestId: 'r' })

let kept: KeyUse[]
let failing: boolean
let asked: number
let logged: unknown[]
let store: ReturnType<typeof memoryStore>['uses']
let book: UsageBook
const another = () =>
  new UsageBook(
    {
      find: (keyId) => store.find(keyId),
      async keep(each) {
        asked++
        if (failing) throw new Error('the store is gone')
        kept.push(each)
        await store.keep(each)
      },
    },
    { flushMs: 1000, now: Date.now, log: (entry) => void logged.push(entry) },
  )

beforeEach(() => {
  vi.useFakeTimers()
  kept = []
  failing = false
  asked = 0
  logged = []
  store = memoryStore().uses
  book = another()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the book of last uses', () => {
  test('stores the last use of each key when the interval is over, once', async () => {
    for (let at = 1; at <= 50; at++) book.book(use('a', at))
    book.book(use('b', 7))
    await vi.advanceTimersByTimeAsync(999)
    expect(kept).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(kept).toEqual([use('a', 50), use('b', 7)])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(kept).toHaveLength(2)
  })

  test('answers what is booked, what is being stored and what is stored, whichever is latest', async () => {
    await store.keep(use('a', 5))
    expect(await book.find('a')).toEqual(use('a', 5))
    book.book(use('a', 6))
    expect(await book.find('a')).toEqual(use('a', 6))
    const storing = book.flush()
    expect(await book.find('a')).toEqual(use('a', 6))
    await storing
    expect(await book.find('a')).toEqual(use('a', 6))
    await store.keep(use('a', 9))
    book.book(use('a', 8))
    expect(await book.find('a')).toEqual(use('a', 9))
    expect(await book.find('b')).toBeUndefined()
  })

  test('never sets the store back to an earlier use that another process is late with', async () => {
    const late = another()
    late.book(use('a', 1))
    book.book(use('a', 2))
    await book.flush()
    await late.flush()
    expect(await store.find('a')).toEqual(use('a', 2))
    expect(await late.find('a')).toEqual(use('a', 2))
  })

  test('keeps what the store did not take, says so, and tries again', async () => {
    failing = true
    book.book(use('a', 1))
    book.book(use('b', 1))
    await vi.advanceTimersByTimeAsync(1000)
    expect(logged).toEqual([{ level: 'error', error: 'LastUsageNotStored', keys: 2, cause: 'the store is gone' }])
    expect(await book.find('a')).toEqual(use('a', 1))
    book.book(use('a', 2))
    failing = false
    await vi.advanceTimersByTimeAsync(1000)
    expect(kept).toEqual(expect.arrayContaining([use('a', 2), use('b', 1)]))
    expect(kept).toHaveLength(2)
  })

  test('does not ask a store that is away once for each key, and keeps them all', async () => {
    failing = true
    for (let key = 0; key < 100; key++) book.book(use(`key-${key}`, key))
    await book.close()
    expect(asked).toBe(8)
    failing = false
    await book.close()
    expect(kept).toHaveLength(100)
  })

  test('stores what is overdue with the next use, when its process had no time between', async () => {
    book.book(use('a', 1))
    vi.setSystemTime(Date.now() + 5000)
    book.book(use('b', 2))
    await vi.advanceTimersByTimeAsync(0)
    expect(kept).toEqual([use('a', 1), use('b', 2)])
  })

  test('stores everything before it closes, also what came while it was storing', async () => {
    book.book(use('a', 1))
    const storing = book.flush()
    book.book(use('b', 2))
    await book.close()
    await storing
    expect(kept).toEqual([use('a', 1), use('b', 2)])
  })

  test('does not wait for the interval when very many keys are used', async () => {
    for (let n = 0; n < 20_000; n++) book.book(use(`key-${n}`, 1))
    await vi.advanceTimersByTimeAsync(0)
    expect(kept).toHaveLength(20_000)
  })
})

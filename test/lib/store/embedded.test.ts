import { type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { DependencyTimeoutException, KMSInternalException } from '../../../lib/errors.ts'
import { openTable } from '../../../lib/store/client.ts'
import { openEmbedded } from '../../../lib/store/embedded.ts'
import { keysIn } from '../../../lib/store/keys.ts'
import { openStore } from '../../../lib/store/store.ts'
import { aKey, aMaterial, place, withDirectory } from '../../harness/store.ts'

const writer = fileURLToPath(new URL('writer.child.ts', import.meta.url))
const openIn = (directory: string) => openStore({ kind: 'embedded', directory, cacheTtlMs: 0, now: Date.now })

/** Has a process write to the store in `directory`, and kills it once its lines are `enough`. */
async function writeUntil(directory: string, enough: (lines: readonly string[]) => boolean | Promise<boolean>) {
  const stdio: StdioOptions = ['ignore', 'pipe', 'inherit']
  const child = spawn(process.execPath, [writer, directory], { stdio })
  const ended = once(child, 'exit')
  const lines: string[] = []
  try {
    if (!child.stdout) throw new Error('the writer has no output')
    for await (const line of createInterface(child.stdout)) {
      lines.push(line)
      if (await enough(lines)) break
    }
  } finally {
    child.kill('SIGKILL')
    await ended
  }
  return lines
}

describe('the embedded store', () => {
  test('has everything again after it was closed and opened', async () => {
    await withDirectory(async (directory) => {
      const key = aKey({ description: 'kept' })
      const material = aMaterial(key.id)
      const first = await openIn(directory)
      await first.keys.create(key, material)
      await first.close()
      const second = await openIn(directory)
      expect(await second.keys.find(key.id)).toStrictEqual(key)
      expect(await second.materials.find(key.id, material.id)).toStrictEqual(material)
      expect((await second.keys.list(place.account, { limit: 10 })).items).toStrictEqual([key])
      await second.close()
    })
  })

  test('is made for its user alone', async () => {
    await withDirectory(async (directory) => {
      const store = await openIn(`${directory}/some/where`)
      expect((await stat(`${directory}/some/where`)).mode & 0o777).toBe(0o700)
      await store.close()
    })
  })

  test('answers a check while it is open, and nothing once it is closed', async () => {
    await withDirectory(async (directory) => {
      const store = await openIn(directory)
      await store.check()
      await store.close()
      await expect(store.check()).rejects.toThrow(KMSInternalException)
      await expect(store.keys.create(aKey())).rejects.toThrow(KMSInternalException)
    })
  })

  test('finishes what is under way before it is closed', async () => {
    await withDirectory(async (directory) => {
      const first = await openIn(directory)
      const keys = Array.from({ length: 20 }, () => aKey())
      const creating = Promise.all(keys.map((key) => first.keys.create(key)))
      // Whatever was sent before this has been handed over when this is answered.
      await first.check()
      await Promise.all([creating, first.close()])
      const second = await openIn(directory)
      for (const key of keys) expect(await second.keys.find(key.id)).toStrictEqual(key)
      await second.close()
    })
  })

  test('is refused to a second process, and to this one a second time', async () => {
    await withDirectory(async (directory) => {
      const message = `The store in ${directory} is open already: only one process at a time can use it.`
      const lines = await writeUntil(directory, async () => {
        await expect(openIn(directory)).rejects.toThrow(message)
        return true
      })
      expect(lines).toStrictEqual(['open'])
      const store = await openIn(directory)
      await expect(openIn(directory)).rejects.toThrow(message)
      await store.close()
    })
  }, 30_000)

  test('answers no later than asked, though what it was doing is done', async () => {
    await withDirectory(async (directory) => {
      const embedded = await openEmbedded(directory)
      const client = new DynamoDBClient({
        region: 'us-east-1',
        endpoint: 'http://embedded.invalid',
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        requestHandler: embedded.requestHandler,
      })
      const keys = Array.from({ length: 200 }, () => aKey())
      const creating = keys.map((key) => keysIn(openTable(client, embedded.table, 1)).create(key))
      const outcomes = await Promise.allSettled(creating)
      expect(outcomes).toContainEqual({ status: 'rejected', reason: expect.any(DependencyTimeoutException) })
      await embedded.close()
      const store = await openIn(directory)
      for (const [index, { status }] of outcomes.entries()) {
        if (status === 'fulfilled') expect(await store.keys.find(keys[index]?.id ?? '')).toStrictEqual(keys[index])
      }
      await store.close()
    })
  })

  test('performs no operation but the five that the store uses', async () => {
    await withDirectory(async (directory) => {
      const embedded = await openEmbedded(directory)
      const client = new DynamoDBClient({
        region: 'us-east-1',
        endpoint: 'http://embedded.invalid',
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        requestHandler: embedded.requestHandler,
      })
      await expect(client.send(new DescribeTableCommand({ TableName: embedded.table }))).rejects.toMatchObject({
        name: 'UnknownOperationException',
      })
      await embedded.close()
    })
  })

  test('loses nothing it acknowledged, and half does nothing, when it is killed while it writes', async () => {
    await withDirectory(async (directory) => {
      const acknowledged: string[] = []
      for (let round = 1; round <= 10; round += 1) {
        const lines = (await writeUntil(directory, (soFar) => soFar.length > 10 * round)).slice(1)
        const store = await openIn(directory)
        for (const line of lines) {
          const [id = '', revision, materialId = '', alias] = line.split(' ')
          expect((await store.keys.find(id))?.revision).toBeGreaterThanOrEqual(Number(revision))
          expect(await store.materials.find(id, materialId)).toBeDefined()
          if (alias) expect((await store.aliases.find(place.account, alias))?.targetKeyId).toBe(id)
          acknowledged.push(id)
        }
        await store.close()
      }

      // The index has every key as it is: those that were acknowledged, and those that nobody waited for any more.
      const store = await openIn(directory)
      const { items } = await store.keys.list(place.account, { limit: 100_000 })
      const found = await Promise.all(items.map(({ id }) => store.keys.find(id)))
      expect(items).toStrictEqual(found)
      expect(items.map(({ id }) => id)).toStrictEqual(expect.arrayContaining(acknowledged))
      await store.close()
    })
  }, 120_000)
})

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DependencyTimeoutException, KMSInternalException } from '../../../lib/errors.ts'
import { Conflict } from '../../../lib/ports.ts'
import { aliasesIn } from '../../../lib/store/aliases.ts'
import { openTable } from '../../../lib/store/client.ts'
import { type Embedded, openEmbedded } from '../../../lib/store/embedded.ts'
import { keysIn } from '../../../lib/store/keys.ts'
import { aKey, anAlias, temporaryDirectory } from '../../harness/store.ts'
import {
  answering,
  answerLost,
  type Fault,
  garbage,
  isWrite,
  requestLost,
  withFaults,
} from '../../harness/store-faults.ts'

const timedOut = 'The system timed out while trying to fulfill the request. The request can be retried.'
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not a secret' }

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let embedded: Embedded
beforeEach(async () => {
  directory = await temporaryDirectory()
  embedded = await openEmbedded(directory.path)
})
afterEach(async () => {
  await embedded.close()
  await directory.remove()
})

/** A table whose writes meet these faults, one each, and after them none. `attempts` counts the writes sent. */
function faulty(...faults: Fault[]) {
  return faultyIn({}, faults)
}
/** Whose reads meet one fault for ever. */
function faultyIn({ reads }: { readonly reads?: Fault | undefined }, faults: Fault[]) {
  let attempts = 0
  const client = new DynamoDBClient({
    region: 'us-east-1',
    endpoint: 'http://faulty.invalid',
    credentials,
    maxAttempts: 3,
    requestHandler: withFaults(embedded.requestHandler, (request) => {
      if (!isWrite(request)) return reads
      attempts += 1
      return faults.shift()
    }),
  })
  const table = openTable(client, embedded.table)
  return { keys: keysIn(table), aliases: aliasesIn(table), attempts: () => attempts }
}

describe('a write whose answer was lost', () => {
  test('is not a conflict with itself when it created a key', async () => {
    const { keys, attempts } = faulty(answerLost)
    const key = aKey()
    await keys.create(key)
    expect(await keys.find(key.id)).toStrictEqual(key)
    expect(attempts()).toBe(2)
  })

  test('is not a conflict with itself when it replaced a key', async () => {
    const { keys, attempts } = faulty((perform) => perform(), answerLost)
    const key = aKey()
    await keys.create(key)
    await keys.replace({ ...key, description: 'new' })
    expect(await keys.find(key.id)).toStrictEqual({ ...key, description: 'new', revision: 2 })
    expect(attempts()).toBe(3)
  })

  test('is not a conflict with itself when it removed an alias', async () => {
    const { aliases } = faulty((perform) => perform(), answerLost)
    const alias = anAlias('alias/x', 'some-key')
    await aliases.create(alias)
    await aliases.remove(alias)
    expect(await aliases.find(alias.account, alias.name)).toBeUndefined()
  })

  test('is one when another writer was there first', async () => {
    const { keys: others } = faulty()
    const key = aKey()
    await others.create(key)
    const { keys } = faulty(async (perform) => {
      await others.replace({ ...key, description: 'of another' })
      return requestLost(perform)
    })
    await expect(keys.replace(key)).rejects.toThrow(Conflict)
    expect((await keys.find(key.id))?.description).toBe('of another')
  })

  test('is one when another writer created the key', async () => {
    const { keys: others } = faulty()
    const key = aKey()
    const { keys } = faulty(async (perform) => {
      await others.create({ ...key, description: 'of another' })
      return requestLost(perform)
    })
    await expect(keys.create(key)).rejects.toThrow(Conflict)
  })

  test('is said to be unknown when another writer has gone on from there', async () => {
    const { keys: others } = faulty()
    const key = aKey()
    await others.create(key)
    const { keys } = faulty(async (perform) => {
      await perform()
      await others.replace({ ...key, revision: 2, description: 'later' })
      return requestLost(perform)
    })
    const replacing = keys.replace(key)
    await expect(replacing).rejects.toThrow(DependencyTimeoutException)
    await expect(replacing).rejects.toThrow(timedOut)
  })

  test('is said to be unknown when the alias it created is gone again', async () => {
    const { aliases: others } = faulty()
    const alias = anAlias('alias/x', 'some-key')
    const { aliases } = faulty(
      async (perform) => {
        await perform()
        await others.remove(alias)
        return requestLost(perform)
      },
      answering(400, 'ConditionalCheckFailedException'),
    )
    await expect(aliases.create(alias)).rejects.toThrow(DependencyTimeoutException)
  })

  test('is said to be unknown when the alias it removed is there again', async () => {
    const { aliases: others } = faulty()
    const alias = anAlias('alias/x', 'some-key', { revision: 7 })
    await others.create(alias)
    const { aliases } = faulty(async (perform) => {
      await perform()
      await others.create({ ...alias, revision: 1 })
      return requestLost(perform)
    })
    await expect(aliases.remove(alias)).rejects.toThrow(DependencyTimeoutException)
  })
})

describe('a table that refuses', () => {
  test.each([
    ['throttles', answering(400, 'ProvisionedThroughputExceededException')],
    ['throttles an account', answering(400, 'RequestLimitExceeded')],
    ['throttles changes', answering(400, 'ThrottlingException')],
    ['answers nothing', garbage.nothing],
    ['answers with a page', garbage['a page']],
    ['answers with a list', garbage['a list']],
    ['fails', answering(500, 'InternalServerError')],
    ['is overloaded', answering(503, 'ServiceUnavailable')],
    ['cannot be reached', requestLost],
  ])(
    'is asked three times when it %s, and then a dependency that timed out',
    async (_, fault) => {
      const { keys, attempts } = faulty(fault, fault, fault, fault)
      const creating = keys.create(aKey())
      await expect(creating).rejects.toThrow(DependencyTimeoutException)
      await expect(creating).rejects.toThrow(timedOut)
      expect(attempts()).toBe(3)
    },
    20_000,
  )

  test.each(['ResourceNotFoundException', 'ValidationException', 'AccessDeniedException'])(
    'is an internal failure with %s as its cause, and not asked again',
    async (type) => {
      const { keys, attempts } = faulty(answering(400, type))
      const creating = keys.create(aKey())
      await expect(creating).rejects.toThrow(KMSInternalException)
      await expect(creating).rejects.toMatchObject({ message: '', cause: { name: type, message: 'said the table' } })
      expect(attempts()).toBe(1)
    },
  )
})

describe('what is no answer of a table', () => {
  test.each(Object.entries(garbage))('%s is not taken for one, of whatever is asked', async (_, fault) => {
    const { keys } = faultyIn({ reads: fault }, [fault, fault, fault])
    const failure = expect.objectContaining({ fault: 'server' })
    await expect(keys.find('some-key')).rejects.toEqual(failure)
    await expect(keys.list('111122223333', { limit: 10 })).rejects.toEqual(failure)
    await expect(keys.create(aKey())).rejects.toEqual(failure)
  })
})

describe('a table on a server', () => {
  const tableAt = (port: number) => {
    const endpoint = `http://127.0.0.1:${port}`
    const client = new DynamoDBClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 3 })
    return openTable(client, 'keystead', 300)
  }

  test('that does not answer is a dependency that timed out', async () => {
    const server = createServer(() => {})
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    try {
      const finding = keysIn(tableAt((server.address() as AddressInfo).port)).find('some-key')
      await expect(finding).rejects.toThrow(DependencyTimeoutException)
      await expect(finding).rejects.toThrow(timedOut)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('that stops in the middle of its answer is a dependency that timed out', async () => {
    const server = createServer((_request, response) => void response.writeHead(200).write('{"Item":{"PK":{"S":"KEY'))
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    try {
      const startedAt = performance.now()
      const finding = keysIn(tableAt((server.address() as AddressInfo).port)).find('some-key')
      await expect(finding).rejects.toThrow(DependencyTimeoutException)
      expect(performance.now() - startedAt).toBeLessThan(3000)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('that nobody runs is a dependency that timed out', async () => {
    const server = createServer(() => {})
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo
    await new Promise((closed) => server.close(closed))
    await expect(keysIn(tableAt(port)).find('some-key')).rejects.toThrow(DependencyTimeoutException)
  })
})

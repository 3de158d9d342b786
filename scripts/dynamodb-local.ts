/**
 * `npm run test:dynamodb-local`: the store's contract and the end-to-end suite against DynamoDB Local, Amazon's own
 * stand-in for DynamoDB. It needs Java and Maven, and comes under a licence of its own; without them this stands aside.
 * What all of them have asked of it is held against what docs/portable.md lists.
 */
import { fetchDynamoDb, startDynamoDb } from './dynamodb-jars.ts'
import { answering, endedBy, freePort, vitest } from './stand-in.ts'
import { recordCalls, undocumented } from './table-calls.ts'

/** It takes any letters and digits for credentials. */
const test = (endpoint: string, ...args: string[]): Promise<number> =>
  vitest(
    {
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: 'us-east-1',
      KEYSTEAD_TEST_DYNAMODB_ENDPOINT: endpoint,
    },
    ...args,
  )

async function main(): Promise<number> {
  const missing = fetchDynamoDb()
  if (missing !== undefined) {
    process.stdout.write(`stood aside: ${missing}\n`)
    return 0
  }
  const port = await freePort()
  const database = startDynamoDb(port)
  return endedBy(database, async () => {
    const target = `http://127.0.0.1:${port}`
    await answering(target, database)
    const { endpoint, calls, close } = await recordCalls(target)
    const contract = await test(endpoint, '--project=unit', 'test/lib/store/contract.test.ts')
    const endToEnd = await test(endpoint, '--project=e2e')
    await close()
    const strange = undocumented(calls)
    process.stdout.write(
      strange.length > 0
        ? `asked of the server, and not in docs/portable.md:\n${strange.join('\n')}\n`
        : `asked of the server, and listed in docs/portable.md: ${[...calls.keys()].sort().join(', ')}\n`,
    )
    return contract || endToEnd || Math.min(strange.length, 1)
  })
}

process.exitCode = await main()

import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb'

export interface StoreCounters {
  reads: number
  writes: number
  /** Calls that were not performed, retries included: throttled, timed out, or not reached. A lost race is none. */
  failures: number
}

const reading = new Set(['GetItemCommand', 'QueryCommand', 'GetCommand'])

/** Counts the calls that go through a client. */
export function counted(client: DynamoDBClient): StoreCounters {
  const counters: StoreCounters = { reads: 0, writes: 0, failures: 0 }
  client.middlewareStack.add(
    (next, context) => async (args) => {
      counters[reading.has(context.commandName ?? '') ? 'reads' : 'writes']++
      try {
        return await next(args)
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) counters.failures++
        throw error
      }
    },
    { step: 'initialize', name: 'counted' },
  )
  return counters
}

import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'

interface Response {
  readonly statusCode: number
  body: Uint8Array | Readable
}

const openingBrace = 0x7b

/**
 * Lets a client take nothing for an answer that is none. A table that has no such item says so in two bytes, `{}`; the SDK
 * reads the same from an empty body, and a proxy's is no reason to tell a caller that there is no such key.
 */
export function demandAnswers(client: DynamoDBClient): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const response = result.response as Response
      if (response.statusCode !== 200) return result
      const body = response.body instanceof Uint8Array ? response.body : await buffer(response.body)
      if (body[0] !== openingBrace) throw noAnswer()
      response.body = body
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'answers', override: true },
  )
}

/** To be sent again, by the SDK too. */
const noAnswer = () =>
  Object.assign(new Error('What answered is not the table.'), { name: 'ServiceUnavailable', $retryable: {} })

/** As much of SQS as a test needs to see what a rule has sent to a queue. */
import { type Credentials, signedHeaders } from '../test/harness/sign.ts'

interface Queue {
  readonly url: string
  readonly arn: string
}

export interface Sqs {
  createQueue(name: string): Promise<Queue>
  /** Bodies of the messages that are there, which are then there no more. */
  drain(url: string): Promise<readonly string[]>
}

export function sqsAt(endpoint: string, { region, credentials }: { region: string; credentials: Credentials }): Sqs {
  const { host } = new URL(endpoint)
  /** @throws Error with what SQS answered, unless it did what was asked */
  async function call<T>(action: string, input: object): Promise<T> {
    const body = JSON.stringify(input)
    const headers = await signedHeaders(
      {
        method: 'POST',
        target: '/',
        headers: { host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
        body,
      },
      credentials,
      { region, service: 'sqs' },
    )
    const answer = await fetch(endpoint, { method: 'POST', headers, body })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`SQS answered ${action} with ${answer.status}: ${text}`)
    return (text ? JSON.parse(text) : {}) as T
  }
  return {
    async createQueue(QueueName) {
      const { QueueUrl: url } = await call<{ QueueUrl: string }>('CreateQueue', { QueueName })
      const { Attributes } = await call<{ Attributes: { QueueArn: string } }>('GetQueueAttributes', {
        QueueUrl: url,
        AttributeNames: ['QueueArn'],
      })
      return { url, arn: Attributes.QueueArn }
    },
    async drain(QueueUrl) {
      const bodies: string[] = []
      for (;;) {
        const { Messages = [] } = await call<{ Messages?: { Body: string; ReceiptHandle: string }[] }>(
          'ReceiveMessage',
          { QueueUrl, MaxNumberOfMessages: 10 },
        )
        if (Messages.length === 0) return bodies
        for (const { Body, ReceiptHandle } of Messages) {
          bodies.push(Body)
          await call('DeleteMessage', { QueueUrl, ReceiptHandle })
        }
      }
    },
  }
}

/** STS through AWS's own SDK, unmodified but for its endpoint. */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { afterAll, expect, inject, test } from 'vitest'
import { credentialsIn } from '../harness/server.ts'

const credentials = credentialsIn(inject('credentialsFile'))
const clients: STSClient[] = []
const clientFor = (by: typeof credentials): STSClient => {
  const client = new STSClient({ endpoint: inject('url'), region: 'us-east-1', credentials: by })
  clients.push(client)
  return client
}
afterAll(() => {
  for (const client of clients) client.destroy()
})

test('says who the caller is', async () => {
  const answer = await clientFor(credentials).send(new GetCallerIdentityCommand({}))
  expect(answer).toMatchObject({ Account: '000000000000', Arn: 'arn:aws:iam::000000000000:root' })
})

test('refuses a wrong secret with a name that the SDK knows', async () => {
  const wrong = clientFor({ ...credentials, secretAccessKey: 'x'.repeat(40) })
  await expect(wrong.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'SignatureDoesNotMatch',
    $metadata: { httpStatusCode: 403 },
  })
})

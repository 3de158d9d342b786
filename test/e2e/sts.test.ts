/** STS through AWS's own SDK, unmodified but for its endpoint. */
import { randomUUID } from 'node:crypto'
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam'
import { CreateKeyCommand, EncryptCommand, KMSClient, ListKeysCommand } from '@aws-sdk/client-kms'
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
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

test('gives a user a role, whose credentials use a key until the role is gone', async () => {
  const iam = new IAMClient({ endpoint: inject('url'), region: 'us-east-1', credentials })
  const name = `e2e-${randomUUID()}`
  const policy = (Action: string[], Resource = '*') =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] })
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'sts:AssumeRole' }],
  })
  await iam.send(new CreateUserCommand({ UserName: name }))
  await iam.send(
    new PutUserPolicyCommand({ UserName: name, PolicyName: 'p', PolicyDocument: policy(['sts:AssumeRole']) }),
  )
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }))
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: trust }))
  await iam.send(
    new PutRolePolicyCommand({
      RoleName: name,
      PolicyName: 'p',
      PolicyDocument: policy(['kms:CreateKey', 'kms:Encrypt']),
    }),
  )

  const user = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }
  const assumed = await clientFor(user).send(
    new AssumeRoleCommand({ RoleArn: Role?.Arn ?? '', RoleSessionName: 'e2e' }),
  )
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = assumed.Credentials ?? {}
  const session = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
  const kms = new KMSClient({ endpoint: inject('url'), region: 'us-east-1', credentials: session })
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}))
  const sealed = await kms.send(
    new EncryptCommand({ KeyId: KeyMetadata?.Arn, Plaintext: Buffer.from('attack at dawn') }),
  )
  expect(sealed.CiphertextBlob?.length).toBeGreaterThan(14)
  await expect(kms.send(new ListKeysCommand({}))).rejects.toMatchObject({ name: 'AccessDeniedException' })

  await iam.send(new DeleteRolePolicyCommand({ RoleName: name, PolicyName: 'p' }))
  await iam.send(new DeleteRoleCommand({ RoleName: name }))
  await expect(kms.send(new CreateKeyCommand({}))).rejects.toMatchObject({ name: 'UnrecognizedClientException' })
  for (const client of [iam, kms]) client.destroy()
})

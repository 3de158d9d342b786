import * as iam from '@aws-sdk/client-iam'
import { handler as frontDoor } from '../../functions/front-door.ts'
import { clientOf } from './sdk.ts'
import type { Credentials } from './sign.ts'
import { root, type TestWorld } from './world.ts'

/** What IAM's own client gives for an action, or the error that it throws: its name, status and message. */
export async function asIam(
  world: TestWorld,
  action: string,
  input: object = {},
  by: Credentials = root,
  via = frontDoor,
) {
  const Command = (iam as unknown as Readonly<Record<string, new (input: object) => never>>)[`${action}Command`]
  if (!Command) throw new Error(`IAM has no ${action}`)
  const client = new iam.IAMClient(clientOf(world, by, via))
  try {
    // biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
    const { $metadata, ...answer } = (await client.send(new Command(input))) as any
    return answer
  } catch (error) {
    if (!(error instanceof iam.IAMServiceException)) throw error
    return { error: error.name, status: error.$metadata.httpStatusCode, message: error.message }
  }
}

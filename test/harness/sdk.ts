/** AWS's own clients, unmodified, whose requests go to a service in memory instead of over a network. */
import type { Context } from 'aws-lambda'
import { handler as frontDoor } from '../../functions/front-door.ts'
import type { Credentials } from './sign.ts'
import { eventOf, region, root, type TestWorld } from './world.ts'

interface SdkRequest {
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Record<string, string>
  readonly body?: string | Uint8Array
}

const targetOf = ({ path, query = {} }: SdkRequest): string => {
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(String(value ?? ''))}`)
  return pairs.length > 0 ? `${path}?${pairs.join('&')}` : path
}

/** What a client is constructed with: it signs by the world's clock. */
export const clientOf = (world: TestWorld, credentials: Credentials = root, via = frontDoor) => ({
  region,
  credentials,
  endpoint: 'http://localhost:4599',
  maxAttempts: 1,
  systemClockOffset: world.nowMs - Date.now(),
  requestHandler: {
    async handle(request: SdkRequest) {
      const { method, headers, body = '' } = request
      const event = eventOf({ method, target: targetOf(request), headers, body })
      const result = await via(event, {} as Context)
      return {
        response: {
          statusCode: result.statusCode ?? 0,
          headers: Object.fromEntries(
            Object.entries(result.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
          ),
          body: Buffer.from(result.body ?? ''),
        },
      }
    },
  },
})

import type { Reply, Request } from '../operation.ts'
import { openWorld } from '../runtime.ts'

export const isHealthCheck = (request: Request): boolean => request.method === 'GET' && request.path === '/health'

/** Unsigned, so it tells nothing but whether: with `?deep`, whether store and HSM answer, and the disk of the trail has room, too. */
export async function healthOf(request: Request): Promise<Reply> {
  if (!new URLSearchParams(request.query).has('deep')) return { status: 200, json: { status: 'ok' } }
  try {
    const world = await openWorld()
    try {
      await world.check()
      return { status: 200, json: { status: 'ok' } }
    } catch (error) {
      world.log({ level: 'error', requestId: request.id, message: 'health check failed', cause: reasonOf(error) })
    }
  } catch {
    // What keeps the world from opening is said by whoever starts it.
  }
  return { status: 503, json: { status: 'unavailable' } }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

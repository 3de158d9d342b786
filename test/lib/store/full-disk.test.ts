/** The disk is full: nothing that was acknowledged is lost, what is refused says to try again, and room is all it takes. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { hasSmallDisks, needsSmallDisks, ranOnSmallDisk } from '../../harness/small-disk.ts'
import { withDirectory } from '../../harness/store.ts'

const child = fileURLToPath(new URL('full-disk.child.ts', import.meta.url))

describe.skipIf(!hasSmallDisks)(`the embedded store on a full disk (${needsSmallDisks})`, () => {
  test('refuses to write, goes on reading, and writes again once there is room: nothing acknowledged is lost', async () => {
    await withDirectory(async (directory) => {
      expect(await ranOnSmallDisk(child, 48, directory)).toEqual({
        rounds: Array.from({ length: 3 }, () => ({ whileFull: 0, refusedAfter: 0 })),
        refusals: [
          '503 DependencyTimeoutException: The system timed out while trying to fulfill the request. The request can be retried.',
        ],
        lost: 0,
        half: 0,
      })
    })
  }, 120_000)
})

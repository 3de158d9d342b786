/** The disk is full: no record that was acknowledged is lost, and what was cut short spoils nothing after it. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { hasSmallDisks, needsSmallDisks, ranOnSmallDisk } from '../../harness/small-disk.ts'
import { withDirectory } from '../../harness/store.ts'
import { refused } from './records.ts'

const child = fileURLToPath(new URL('full-disk.child.ts', import.meta.url))

describe.skipIf(!hasSmallDisks)(`the trail on a full disk (${needsSmallDisks})`, () => {
  test('takes records again once there is room, restarted or not: lines cut short are on their own, and none is lost', async () => {
    await withDirectory(async (directory) => {
      expect(await ranOnSmallDisk(child, 16, directory)).toEqual({
        health: ['full: The disk of the trail is full.', 'room: well'],
        refusedAfter: [0, 0, 0, 0],
        refusals: [`503 DependencyTimeoutException: ${refused}`],
        lost: 0,
        torn: true,
        sealed: true,
      })
    })
  }, 60_000)
})

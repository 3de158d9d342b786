/**
 * `npm run restore -- --in <file>`: a backup, into a deployment that has no store yet and whose token holds the same roots
 * (`npm run ceremony -- restore`). The whole file is verified before anything is written. An embedded store is there
 * whole, or not at all; a table on a server is filled, and a restoration that was broken off is taken up by the same
 * command.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import type { StorePlace } from '../lib/store/connect.ts'
import { openContents } from '../lib/store/contents.ts'
import { configuredDeployment, fail, print, shown } from './backup/deployment.ts'
import type { Tail } from './backup/lines.ts'
import { restoreBackup, verifyBackup } from './backup/take.ts'
import { flush } from './provision.ts'

async function restoreInto(place: StorePlace, file: string, key: Uint8Array, tail: Tail): Promise<void> {
  const contents = await openContents(place)
  try {
    await restoreBackup(contents, file, key, tail)
  } finally {
    await contents.close()
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { in: { type: 'string' } } })
  if (values.in === undefined) throw new Error('which backup? npm run restore -- --in <file>')
  const { origin, place, key } = await configuredDeployment()
  if (place.kind === 'embedded' && existsSync(place.directory)) {
    throw new Error(`There is a store in ${place.directory}: a backup is restored where there is none.`)
  }
  const tail = await verifyBackup(values.in, origin, key)
  if (place.kind === 'embedded') {
    const directory = `${place.directory}.restoring`
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(dirname(directory), { recursive: true, mode: 0o700 })
    await restoreInto({ ...place, directory }, values.in, key, tail)
    flush(directory)
    renameSync(directory, place.directory)
    flush(dirname(directory), { deep: false })
  } else {
    await restoreInto(place, values.in, key, tail)
  }
  print(`${shown(tail)}\nRestored and read again: the store holds what the backup does.`)
}

await main().catch(fail)

/**
 * `npm run backup -- --out <file>`: all that the store holds, in one file (docs/recovery.md). With the embedded store the
 * host must be stopped, as it alone can open it; with a DynamoDB-compatible server everything goes on.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openContents } from '../lib/store/contents.ts'
import { configuredDeployment, fail, print, shown } from './backup/deployment.ts'
import { takeBackup } from './backup/take.ts'
import { flush } from './provision.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string' } } })
  if (values.out === undefined) throw new Error('where to? npm run backup -- --out <file>')
  const file = resolve(values.out)
  if (existsSync(file)) throw new Error(`${file} is there already.`)
  const { origin, place, key } = await configuredDeployment()
  const contents = await openContents(place)
  const part = `${file}.part`
  try {
    const head = { format: 'keystead-backup-1', takenAt: new Date().toISOString(), ...origin } as const
    const tail = await takeBackup(contents, part, head, key)
    renameSync(part, file)
    flush(dirname(file), { deep: false })
    print(`${shown(tail)}\nBackup: ${file}`)
  } finally {
    rmSync(part, { force: true })
    await contents.close()
  }
}

await main().catch(fail)

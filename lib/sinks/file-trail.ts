import { createPublicKey, randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { filesOf, isPast } from '../audit/digest.ts'
import { fileOfDay } from '../audit/mark.ts'
import type { StoredDigest, Trail } from '../audit/trail.ts'
import { Conflict } from '../ports.ts'
import { lookUpInFiles } from './file-lookup.ts'
import { dayFile, namesIn } from './file-window.ts'
import { readWindowAside } from './window-thread.ts'

const digestFile = /^\d{9}\.json$/
/** The digest is read as a whole; what it is made of, in a thread of its own. */
const windowRecords = 10_000

/**
 * The trail that the file sink wrote, and its digests beside it: `digests/000000001.json`, …, `head.json`,
 * `public-key.pem`. So the directory as it stands is an export that can be verified anywhere.
 */
export function fileTrail(directory: string): Trail {
  const digests = join(directory, 'digests')

  const read = async (name: string): Promise<StoredDigest> =>
    JSON.parse(await readFile(join(digests, name), 'utf8')) as StoredDigest

  return {
    windowRecords,
    lookUp: (lookup) => lookUpInFiles(directory, lookup),
    async prune(before) {
      const names = await namesIn(digests, digestFile)
      const gone: string[] = []
      let kept: StoredDigest | undefined
      // The newest stays: it says how far everything is sealed.
      for (const name of names.slice(0, -1)) {
        const digest = await read(name)
        if (!isPast(digest.digest, before)) {
          kept = digest
          break
        }
        gone.push(name)
      }
      kept ??= names.length > 0 ? await read(names.at(-1) ?? '') : undefined
      const needed = kept && filesOf(kept.digest).toSorted()[0]
      const files = (await namesIn(directory, dayFile)).filter(
        (file) => before !== undefined && file < fileOfDay(before) && needed !== undefined && file < needed,
      )
      return {
        ...(kept && { from: kept.number }),
        remove: async () => {
          for (const name of gone) await rm(join(digests, name), { force: true })
          for (const file of files) await rm(join(directory, file), { force: true })
        },
      }
    },
    unsealed: (cursor, limit) => readWindowAside(directory, cursor, limit),
    async newestDigest() {
      const newest = (await namesIn(digests, digestFile)).at(-1)
      if (newest === undefined) return undefined
      return read(newest)
    },
    async findDigest(number) {
      try {
        return await read(nameOf(number))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    async addDigest(digest) {
      await mkdir(digests, { recursive: true, mode: 0o700 })
      const path = join(digests, nameOf(digest.number))
      await written(path, JSON.stringify(digest), async (draft) => {
        try {
          // Unlike renaming it, this fails where there is one.
          await link(draft, path)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new Conflict(undefined, { cause: error })
          throw error
        }
      })
    },
    async setHead(head, publicKey) {
      const pem = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
        .export({ format: 'pem', type: 'spki' })
        .toString()
      for (const [name, text] of [
        ['public-key.pem', pem],
        ['head.json', JSON.stringify(head)],
      ] as const) {
        const path = join(directory, name)
        await written(path, text, (draft) => rename(draft, path))
      }
    },
  }
}

const nameOf = (number: number): string => `${String(number).padStart(9, '0')}.json`

/** Writes a draft beside `path`, synced, and lets `publish` give it its name. */
async function written(path: string, text: string, publish: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
    await handle.close()
    await publish(draft)
  } finally {
    await handle.close().catch(() => {})
    await rm(draft, { force: true })
  }
}

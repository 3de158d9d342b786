/**
 * Opens the store in the directory it is given and writes until it is killed. A line says what has been acknowledged:
 * `open`, or a key's id, its alias and the revision it has reached.
 */
import { openStore } from '../../../lib/store/store.ts'
import { aKey, aMaterial, anAlias } from '../../harness/store.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const store = await openStore({ kind: 'embedded', directory: process.argv[2] ?? '', cacheTtlMs: 0, now: Date.now })
say('open')

async function write(): Promise<never> {
  for (;;) {
    const key = aKey()
    const material = aMaterial(key.id)
    const alias = anAlias(`alias/${key.id}`, key.id)
    await store.keys.create({ ...key, currentMaterialId: material.id }, material)
    say(`${key.id} 1 ${material.id}`)
    await store.aliases.create(alias)
    await store.keys.replace({ ...key, currentMaterialId: material.id, state: 'PendingDeletion', deletion: { at: 0 } })
    say(`${key.id} 2 ${material.id} ${alias.name}`)
  }
}

await Promise.all(Array.from({ length: 8 }, write))

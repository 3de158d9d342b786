/**
 * A process that opens a token. `make` prints a key of each of some specs with what it made; `open` reads that and
 * prints, for each, what it opens to or why it does not.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, hex } from '../../../lib/bytes.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import { openHsm } from '../../../lib/hsm/hsm.ts'
import { materialOf, materialOwner, tokenIn } from '../../harness/token.ts'

export interface Made {
  readonly id: string
  readonly wrapped: { readonly rootId: string; readonly blob: string; readonly binding: string }
  readonly ciphertext: string
}

const ids = ['1234abcd-12ab-34cd-56ef-1234567890ab', 'mrk-1234abcd12ab34cd56ef1234567890ab']
const [what, directory = '', home = ''] = process.argv.slice(2)
const hsm = await openHsm({ ...tokenIn(directory, join(home, 'run')), now: Date.now })

async function make(id: string): Promise<Made> {
  const owner = materialOwner({ id })
  const { wrapped } = await hsm.generate(owner)
  const ciphertext = await hsm.encrypt(materialOf(owner, wrapped), Buffer.from(`of ${id}`), {})
  const { rootId, blob, binding } = wrapped
  return { id, wrapped: { rootId, blob: hex(blob), binding: hex(binding) }, ciphertext: hex(ciphertext) }
}

async function open({ id, wrapped, ciphertext }: Made): Promise<string> {
  const { rootId, blob, binding } = wrapped
  const material = materialOf(materialOwner({ id }), { rootId, blob: fromHex(blob), binding: fromHex(binding) })
  try {
    return Buffer.from(await hsm.decrypt(material, parseCiphertext(fromHex(ciphertext)), {})).toString()
  } catch (error) {
    return error instanceof Error ? error.name : 'failed'
  }
}

const result =
  what === 'make'
    ? await Promise.all(ids.map(make))
    : await Promise.all((JSON.parse(readFileSync(0, 'utf8')) as Made[]).map(open))
process.stdout.write(JSON.stringify(result))
hsm.close()

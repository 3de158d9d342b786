/** The HSM alone, through the same edge: microseconds for one warm call, printed as JSON. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from '../lib/config.ts'
import { parseCiphertext } from '../lib/crypto/ciphertext.ts'
import { openHsm } from '../lib/hsm/hsm.ts'
import { ownerOf } from '../lib/keys/materials.ts'
import { hsmModuleOf } from '../lib/runtime.ts'

const config = readConfig(process.env)
const hsm = await openHsm({
  module: hsmModuleOf(config) ?? '',
  pin: readFileSync(join(config.KEYSTEAD_HOME, 'hsm', 'pin'), 'utf8').trim(),
  tokenLabel: config.KEYSTEAD_HSM_TOKEN_LABEL,
  tokenDirectory: config.KEYSTEAD_HSM_TOKEN_DIRECTORY,
  runDirectory: config.KEYSTEAD_RUN_DIRECTORY,
  now: Date.now,
})
const named = {
  keyId: '11111111-1111-4111-8111-111111111111',
  account: '000000000000',
  id: '1'.repeat(64),
  spec: 'SYMMETRIC_DEFAULT',
} as const
const material = { ...named, number: 1, createdAt: 0, ...(await hsm.generate(ownerOf(named))) }
const plaintext = new Uint8Array(32)
const ciphertext = parseCiphertext(await hsm.encrypt(material, plaintext, {}))

/** Median of five rounds. */
async function microseconds(run: () => Promise<unknown>): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < 6; round++) {
    const start = performance.now()
    for (let count = 0; count < 5000; count++) await run()
    if (round > 0) rounds.push((performance.now() - start) / 5)
  }
  return rounds.sort((a, b) => a - b)[2] ?? Number.NaN
}

const figures = {
  Encrypt: await microseconds(() => hsm.encrypt(material, plaintext, {})),
  Decrypt: await microseconds(() => hsm.decrypt(material, ciphertext, {})),
  GenerateDataKey: await microseconds(async () => hsm.encrypt(material, await hsm.random(32), {})),
  CreateKey: await microseconds(() => hsm.generate(ownerOf(named))),
}
process.stdout.write(JSON.stringify(figures))
hsm.close()

/** A program for tests: opens the HSM with the options given as JSON, uses it, and says so. */

import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import { type HsmOptions, openHsm } from '../../../lib/hsm/hsm.ts'
import { materialOf, materialOwner } from '../../harness/token.ts'

const options: Omit<HsmOptions, 'now'> = JSON.parse(process.env.TEST_HSM_OPTIONS ?? '')
const hsm = await openHsm({ ...options, now: Date.now })
const owner = materialOwner()
const material = materialOf(owner, (await hsm.generate(owner)).wrapped)
const blob = await hsm.encrypt(material, Buffer.from('started'), {})
console.log(Buffer.from(await hsm.decrypt(material, parseCiphertext(blob), {})).toString())

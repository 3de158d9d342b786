/** Opens an HSM in a process of its own, says so, and waits to be killed. */
import { text } from 'node:stream/consumers'
import { isolated } from '../../../lib/hsm/isolated.ts'

const options = JSON.parse(await text(process.stdin))
const hsm = await isolated({ timeoutMs: 5000, log: () => {} })({ ...options, now: Date.now })
await hsm.check()
process.stdout.write('open\n')

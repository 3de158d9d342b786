/** A process that opens a token and prints what it finds of the domain. */
import { join } from 'node:path'
import { openHsm } from '../../../lib/hsm/hsm.ts'
import { materialOwner, tokenIn } from '../../harness/token.ts'

const [directory = '', home = ''] = process.argv.slice(2)
const hsm = await openHsm({ ...tokenIn(directory, join(home, 'run')), now: Date.now })
const { wrapped } = await hsm.generate(materialOwner({ id: 'mrk-1234abcd12ab34cd56ef1234567890ab' }))
const mac = Buffer.from(await hsm.macForPeers(Buffer.from('20260101'))).toString('hex')
process.stdout.write(JSON.stringify({ rootId: wrapped.rootId, mac }))
hsm.close()

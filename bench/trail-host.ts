/**
 * The local host on a state folder that is there already; with `without`, what goes into the trail is thrown away; with
 * `sealing`, the trail is sealed at once.
 */
import { handler as frontDoor } from '../functions/front-door.ts'
import { sealAuditLog } from '../functions/scheduled/seal-audit-log.ts'
import { startHost } from '../lib/http/host.ts'
import { openWorld } from '../lib/runtime.ts'
import { runSchedule } from '../lib/scheduled.ts'

const world = await openWorld()
if (process.argv.includes('without')) world.audit.write = async () => {}
const host = await startHost({ host: '127.0.0.1', port: 0, frontDoor, routes: [], log: world.log })
process.stdout.write(`Keystead is at ${host.url}\n`)
if (process.argv.includes('sealing')) void runSchedule(sealAuditLog, world)
process.on('SIGTERM', async () => {
  await host.close(1000)
  await world.close()
  process.exit(0)
})

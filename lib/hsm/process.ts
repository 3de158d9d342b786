/** The program of the HSM's own process (isolated.ts): opens what it is told to, and does what it is asked, until nobody is there to ask. */
import { Socket } from 'node:net'
import { formOf } from './error-forms.ts'
import { framesOver } from './frames.ts'
import { type OpenHsm, openHsm } from './hsm.ts'
import { type Call, channelFd, doneBy, type Opening } from './protocol.ts'

process.title = 'keystead-hsm'
// Ctrl+C and a supervisor's SIGTERM are sent to this process too, while the other one has requests to finish.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

const socket = new Socket({ fd: channelFd, readable: true, writable: true })
socket.on('error', () => process.exit(1))
socket.on('close', () => process.exit(0))

let hsm: OpenHsm | undefined

async function perform(message: Opening | Call): Promise<unknown> {
  if ('options' in message) {
    hsm = await openHsm({ ...message.options, now: Date.now })
    return
  }
  if (!hsm) throw new Error('The HSM is not open')
  return doneBy(hsm, message.method, message.given)
}

const frames = framesOver(socket, async (received) => {
  const message = received as Opening | Call
  const { id } = message
  const answer = await perform(message).then(
    (value) => ({ value }),
    (error: unknown) => ({ error: formOf(error) }),
  )
  frames.send({ id, ...answer, ...(hsm && { counters: hsm.counters }) })
})

/** An HSM's process whose module hangs in some calls and not in others, as one that works with several threads may. */
import { Socket } from 'node:net'
import { framesOver } from '../../../lib/hsm/frames.ts'
import { type Call, channelFd, type Opening } from '../../../lib/hsm/protocol.ts'

const socket = new Socket({ fd: channelFd, readable: true, writable: true })
socket.on('close', () => process.exit(0))
const frames = framesOver(socket, (received) => {
  const message = received as Opening | Call
  if ('options' in message || message.method === 'check') frames.send({ id: message.id })
  // As slow as a long queue: in time for nobody, but it comes.
  if ('method' in message && message.method === 'generate') setTimeout(() => frames.send({ id: message.id }), 450)
})

/** Messages between two processes. What is sent in one turn of the event loop travels as one frame: length, then V8's serialization. */
import type { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'

const lengthBytes = 4
/** More than any turn's messages come to. */
const maxFrameBytes = 64 * 1024 * 1024

export interface Frames {
  /** What can no more be sent is dropped: the socket's end tells of it. */
  send(message: unknown): void
}

export function framesOver(socket: Socket, received: (message: unknown) => void): Frames {
  let batch: unknown[] = []
  let rest: Buffer = Buffer.alloc(0)

  function flush(): void {
    const body = serialize(batch)
    batch = []
    const head = Buffer.alloc(lengthBytes)
    head.writeUInt32LE(body.length)
    const frame = Buffer.concat([head, body])
    // There is plaintext in it.
    const wipe = () => {
      frame.fill(0)
      body.fill(0)
    }
    if (socket.writable) socket.write(frame, wipe)
    else wipe()
  }

  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= lengthBytes) {
      const end = lengthBytes + rest.readUInt32LE()
      if (end > maxFrameBytes) return void socket.destroy(new Error('No frame'))
      if (rest.length < end) return
      const messages: unknown[] = deserialize(rest.subarray(lengthBytes, end))
      rest = rest.subarray(end)
      for (const message of messages) received(message)
    }
  })

  return {
    send(message) {
      if (batch.push(message) === 1) setImmediate(flush)
    },
  }
}

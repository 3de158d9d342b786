import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A connection over which bytes go as they are. */
export interface Line {
  readonly socket: Socket
  /** What came back so far. */
  readonly heard: () => string
  /** When the other side has ended it. */
  readonly ended: Promise<unknown>
}

export async function lineTo(url: string | URL, localAddress?: string): Promise<Line> {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, ...(localAddress && { localAddress }) })
  let heard = ''
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1')
  })
  // A reset ends it too.
  socket.on('error', () => {})
  const ended = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  return { socket, heard: () => heard, ended }
}

/** @returns what came back for some bytes, until the server closed or a time passed */
export async function exchanged(url: string | URL, bytes: string | Buffer, withinMs = 1000): Promise<string> {
  const { socket, heard, ended } = await lineTo(url)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  const late = setTimeout(() => socket.destroy(), withinMs)
  await ended
  clearTimeout(late)
  return heard()
}

/** The status of each answer among bytes. */
export const statusesIn = (text: string): readonly number[] =>
  Array.from(text.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status))

/**
 * The driver, in a process of its own: keep-alive connections, each with one request under way. Reads a job from
 * stdin, writes what it measured to stdout. Sockets and a search for the reply's end, no HTTP library: it shares two
 * cores with the server it measures.
 */
import { connect } from 'node:net'

export interface Job {
  readonly host: string
  readonly port: number
  readonly connections: number
  readonly warmMs: number
  readonly runMs: number
  /** Base64, used in turn. */
  readonly requests: readonly string[]
}
export interface Measured {
  readonly requests: number
  readonly failures: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const headEnd = Buffer.from('\r\n\r\n')

/** Where the reply at the start of these bytes ends; undefined while it is not whole. */
function endOfReply(bytes: Buffer): number | undefined {
  const head = bytes.indexOf(headEnd)
  if (head < 0) return
  const length = /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, head))?.[1]
  const end = head + 4 + Number(length ?? 0)
  return bytes.length >= end ? end : undefined
}

async function drive(job: Job): Promise<Measured> {
  const requests = job.requests.map((text) => Buffer.from(text, 'base64'))
  const latencies: number[] = []
  let next = 0
  let failures = 0
  const start = performance.now()
  const measuredFrom = start + job.warmMs
  const until = measuredFrom + job.runMs

  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let sentAt = 0
      let pending = Buffer.alloc(0)
      const socket = connect(job.port, job.host)
      socket.setNoDelay(true)
      const send = (): void => {
        sentAt = performance.now()
        socket.write(requests[next++ % requests.length] as Buffer)
      }
      socket
        .on('connect', send)
        .on('error', reject)
        .on('close', () => resolve())
      socket.on('data', (chunk) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
        const end = endOfReply(pending)
        if (end === undefined) return
        const now = performance.now()
        if (sentAt >= measuredFrom && now <= until) {
          latencies.push(now - sentAt)
          if (pending.toString('latin1', 9, 12) !== '200') failures++
        }
        pending = pending.subarray(end)
        if (now < until) send()
        else socket.end()
      })
    })

  await Promise.all(Array.from({ length: job.connections }, one))
  latencies.sort((a, b) => a - b)
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN
  return { requests: latencies.length, failures, seconds: job.runMs / 1000, p50Ms: at(0.5), p99Ms: at(0.99) }
}

let text = ''
for await (const chunk of process.stdin) text += chunk
process.stdout.write(JSON.stringify(await drive(JSON.parse(text) as Job)))

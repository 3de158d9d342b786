/** The local host with a handler that does nothing: what HTTP alone costs. */
import { startHost } from '../lib/http/host.ts'

const result = {
  statusCode: 200,
  headers: {
    'Content-Type': 'application/x-amz-json-1.1',
    'x-amzn-RequestId': '00000000-0000-4000-8000-000000000000',
    'Cache-Control': 'no-store',
  },
  body: JSON.stringify({
    CiphertextBlob: 'A'.repeat(200),
    KeyId: 'x'.repeat(75),
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
  }),
}
const host = await startHost({
  host: '127.0.0.1',
  port: 0,
  frontDoor: async () => result,
  routes: [],
  log: () => {},
})
process.stdout.write(`Keystead is at ${host.url}\n`)
process.on('SIGTERM', () => void host.close(100).then(() => process.exit(0)))

/** What Lambda's own runtime does: finds the handler, asks for events, and says what came of each. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT, _HANDLER } = process.env
const api = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`
const post = (path, value, headers = {}) =>
  fetch(`${api}${path}`, { method: 'POST', body: JSON.stringify(value ?? null), headers })
/** Since the process began: on the clock, and on the processor. */
const spent = () => {
  const { user, system } = process.cpuUsage()
  return { 'test-ms': String(performance.now()), 'test-cpu-ms': String((user + system) / 1000) }
}
const told = ({ name, message, stack }) => ({ errorType: name, errorMessage: message, stackTrace: stack?.split('\n') })

const [file, exported] = _HANDLER.split('.')
let handler
try {
  ;({ [exported]: handler } = await import(pathToFileURL(join(LAMBDA_TASK_ROOT, `${file}.mjs`)).href))
} catch (error) {
  await post('/init/error', told(error))
  process.exit(1)
}

for (;;) {
  const next = await fetch(`${api}/invocation/next`)
  const awsRequestId = next.headers.get('lambda-runtime-aws-request-id')
  const deadline = Number(next.headers.get('lambda-runtime-deadline-ms'))
  const event = await next.json()
  try {
    const context = { awsRequestId, getRemainingTimeInMillis: () => deadline - Date.now() }
    const answer = await handler(event, context)
    await post(`/invocation/${awsRequestId}/response`, answer, spent())
  } catch (error) {
    await post(`/invocation/${awsRequestId}/error`, told(error))
  }
}

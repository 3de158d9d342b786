/**
 * `npm run cost`: what a million requests, and a thousand keys, cost on AWS by this design, beside AWS KMS's own price.
 * What an action needs is measured here, warm, through the handler: time, reads and writes of the store, calls of the
 * HSM, bytes of audit records. What that costs is computed from the list prices below. Prints docs/cost.md's table.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { newHome, removeHome } from '../test/harness/server.ts'

/** List prices of us-east-1 in US dollars, as known in November 2026: change them, and the table follows. */
const prices = {
  lambdaRequest: 0.2e-6,
  /** arm and x86 differ; this is x86. */
  lambdaGbSecond: 0.0000166667,
  gatewayRequest: 1e-6,
  dynamoWriteUnit: 0.625e-6,
  dynamoReadUnit: 0.125e-6,
  hsmHour: 1.6,
  kmsRequest: 3e-6,
  /** Of asymmetric keys but RSA_2048. */
  kmsAsymmetricRequest: 15e-6,
  kmsKeyMonth: 1,
} as const

/** Of a Lambda that reaches the HSM (infra/functions.ts). */
const lambdaGb = 1
/** What a call of DynamoDB and of an HSM takes more there than here, where both are in this process. */
const networkMs = { store: 4, hsm: 1.5 } as const
const hoursInMonth = 730
/** Two, in two zones: one can fail. */
const hsms = 2

interface Measured {
  readonly ms: number
  readonly reads: number
  readonly writes: number
  readonly hsm: number
  readonly auditUnits: number
}

const calls = 200

async function main(): Promise<void> {
  const home = newHome()
  process.env.KEYSTEAD_HOME = home
  const [{ readConfig }, { prepareLocal }, { openWorld }, { handler }, { signedHeaders }, { credentialsIn }] =
    await Promise.all([
      import('../lib/config.ts'),
      import('../scripts/local.ts'),
      import('../lib/runtime.ts'),
      import('../functions/front-door.ts'),
      import('../test/harness/sign.ts'),
      import('../test/harness/server.ts'),
    ])
  const credentialsFile = await prepareLocal(readConfig(process.env))
  const credentials = credentialsIn(credentialsFile ?? '')
  const world = await openWorld()
  const { auditUnitsOf } = await import('./audit-units.ts')
  let auditUnits = 0
  const write = world.audit.write.bind(world.audit)
  world.audit.write = (record) => {
    auditUnits += auditUnitsOf(record)
    return write(record)
  }

  async function call(action: string, input: object): Promise<Record<string, string>> {
    const body = JSON.stringify(input)
    const headers = {
      host: 'localhost',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `TrentService.${action}`,
    }
    const signed = await signedHeaders({ method: 'POST', target: '/', headers, body }, credentials)
    const http = { method: 'POST', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'cost' }
    const requestContext = { domainName: 'localhost', http }
    const event = { rawPath: '/', rawQueryString: '', headers: signed, body, isBase64Encoded: false, requestContext }
    const { statusCode, body: answer = '' } = await handler(event as unknown as APIGatewayProxyEventV2, {} as Context)
    if (statusCode !== 200) throw new Error(`${action}: ${answer}`)
    return JSON.parse(answer)
  }

  const counted = (): readonly number[] =>
    ['store_reads', 'store_writes', 'hsm_operations'].map((name) =>
      Number(new RegExp(`^keystead_${name}_total (\\d+)$`, 'm').exec(world.metrics.text())?.[1] ?? 0),
    )

  async function measured(action: string, input: object): Promise<Measured> {
    for (let n = 0; n < 20; n++) await call(action, input)
    const times: number[] = []
    const before = counted()
    const unitsBefore = auditUnits
    for (let n = 0; n < calls; n++) {
      const began = performance.now()
      await call(action, input)
      times.push(performance.now() - began)
    }
    const [reads = 0, writes = 0, hsm = 0] = counted().map((value, at) => (value - (before[at] ?? 0)) / calls)
    const ms = times.toSorted((a, b) => a - b)[Math.floor(calls / 2)] ?? 0
    return { ms, reads, writes, hsm, auditUnits: (auditUnits - unitsBefore) / calls }
  }

  const key = async (input: object) => (await call('CreateKey', input)).KeyMetadata as unknown as { KeyId: string }
  const sign = (spec: string) => key({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' })
  const { KeyId } = await key({})
  const [ec, rsa, mac] = [
    (await sign('ECC_NIST_P256')).KeyId,
    (await sign('RSA_2048')).KeyId,
    (await key({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyId,
  ]
  const Plaintext = Buffer.alloc(64).toString('base64')
  const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext })
  const Message = Plaintext
  const ecdsa = { KeyId: ec, Message, SigningAlgorithm: 'ECDSA_SHA_256' }
  const { Signature } = await call('Sign', ecdsa)
  const jobs: readonly (readonly [string, string, object])[] = [
    ['Encrypt', 'Encrypt', { KeyId, Plaintext }],
    ['Decrypt', 'Decrypt', { CiphertextBlob }],
    ['GenerateDataKey', 'GenerateDataKey', { KeyId, KeySpec: 'AES_256' }],
    ['GenerateMac', 'GenerateMac', { KeyId: mac, Message, MacAlgorithm: 'HMAC_SHA_256' }],
    ['Sign, P-256', 'Sign', ecdsa],
    ['Sign, RSA 2048', 'Sign', { KeyId: rsa, Message, SigningAlgorithm: 'RSASSA_PSS_SHA_256' }],
    ['Verify, P-256', 'Verify', { ...ecdsa, Signature }],
    ['DescribeKey', 'DescribeKey', { KeyId }],
    ['CreateKey', 'CreateKey', {}],
  ]
  process.stdout.write(
    '| Action | ms here | store reads | store writes | HSM calls | audit write units | Lambda ms | $ a million | AWS KMS, $ a million |\n' +
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n',
  )
  for (const [title, action, input] of jobs) {
    const { ms, reads, writes, hsm, auditUnits: units } = await measured(action, input)
    // An item of the store is written to its table and, where an index finds it, to that.
    const storeUnits = writes * 2
    const lambdaMs = ms + (reads + writes) * networkMs.store + hsm * networkMs.hsm + networkMs.store
    const million =
      1e6 *
      (prices.gatewayRequest +
        prices.lambdaRequest +
        (lambdaMs / 1000) * lambdaGb * prices.lambdaGbSecond +
        reads * prices.dynamoReadUnit +
        (storeUnits + units) * prices.dynamoWriteUnit)
    const theirs = title.includes('P-256') ? prices.kmsAsymmetricRequest : prices.kmsRequest
    const cells = [title, ms.toFixed(2), reads, writes, hsm, units, lambdaMs.toFixed(1), million.toFixed(2)]
    process.stdout.write(`| ${[...cells, (theirs * 1e6).toFixed(2)].join(' | ')} |\n`)
  }
  process.stdout.write(
    `\nTwo HSMs: $${(hsms * prices.hsmHour * hoursInMonth).toFixed(0)} a month. ` +
      `A thousand keys: nothing but a few megabytes of table here, $${prices.kmsKeyMonth * 1000} a month at AWS KMS.\n`,
  )
  await world.close()
  await pause(0)
  removeHome(home)
  process.exit(0)
}

await main()

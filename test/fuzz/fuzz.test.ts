/**
 * Whatever bytes arrive: an answer in AWS's form with a request id, never a 5xx, never a thrown error, and nothing of
 * them kept. A failure says its seed, and FUZZ_SEED=<seed> FUZZ_CASES=1 makes that one case again.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts'
import { expect, test } from 'vitest'
import { Enclave } from '../harness/enclave.ts'
import { addUser, policyText } from '../harness/identities.ts'
import { stage } from '../harness/inputs.ts'
import { clientOf } from '../harness/sdk.ts'
import type { Credentials } from '../harness/sign.ts'
import { base64, root, TestWorld } from '../harness/world.ts'
import { randomOf } from './random.ts'
import { nextRequest, type Scene, type Sent } from './requests.ts'

// SLOW=1 makes the full million of it.
const cases = Number(process.env.FUZZ_CASES ?? (process.env.SLOW === '1' ? 1_000_000 : 4000))
const firstSeed = Number(process.env.FUZZ_SEED ?? 1)
/** After so many, what they have made is thrown away, and the next find everything as it was. */
const casesPerWorld = 2000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Of an enclave whose certificates are valid as long as the run lasts. */
async function setTheScene(world: TestWorld): Promise<Scene> {
  const enclave = await Enclave.start(world.nowMs)
  Object.assign(world.open, { attestationRoot: await enclave.root() })
  const staged = await stage(world)
  const alice = await addUser(world, 'alice', { inline: { all: policyText(['kms:*', 'iam:*', 'sts:*']) } })
  const { Credentials: session } = await new STSClient(clientOf(world, alice.credentials)).send(
    new GetSessionTokenCommand({}),
  )
  const temporary: Credentials = {
    accessKeyId: String(session?.AccessKeyId),
    secretAccessKey: String(session?.SecretAccessKey),
    sessionToken: String(session?.SessionToken),
  }
  return {
    stage: staged,
    callers: [root, root, alice.credentials, temporary],
    attestation: base64(await enclave.document(world.nowMs)),
    nowMs: world.nowMs,
  }
}

/** What is wrong with an answer; undefined when nothing is. */
async function wrongWith(sent: Sent, world: TestWorld): Promise<string | undefined> {
  const logged = world.logged.length
  const { status, headers, body } = await world.answer(sent, sent.via, sent.pathParameters)
  if (status < 200 || status >= 500) return `status ${status}: ${body} ${JSON.stringify(world.logged.at(-1))}`
  if (!/^[0-9a-f-]{36}$/.test(String(headers['x-amzn-RequestId']))) return 'no request id'
  if (/\bat .*\.(?:ts|js):\d/.test(body)) return 'a stack trace'
  if (world.logged.length > logged) return `logged: ${JSON.stringify(world.logged.at(-1))}`
  if (headers['Content-Type'] === 'text/xml') {
    return body.startsWith('<') && body.endsWith('>') ? undefined : `not XML: ${body.slice(0, 200)}`
  }
  const json = JSON.parse(body)
  if (status !== 200 && !/^[A-Za-z]+$/.test(String(json?.__type))) return `an error without a name: ${body}`
  return undefined
}

test(
  `${cases} malformed and mutated requests: no 5xx, no crash, no leak`,
  async () => {
    const found: string[] = []
    const kinds = new Map<string, number>()
    const heaps: number[] = []
    let slowest = 0
    let world = await TestWorld.start()
    let scene = await setTheScene(world)
    for (let index = 0; index < cases; index++) {
      if (index > 0 && index % casesPerWorld === 0) {
        world = await TestWorld.start()
        scene = await setTheScene(world)
        if (index % (casesPerWorld * 25) === 0) {
          collectGarbage()
          heaps.push(process.memoryUsage().heapUsed)
        }
      }
      const seed = firstSeed + index
      const sent = nextRequest(scene, randomOf(seed))
      const began = performance.now()
      const wrong = await wrongWith(sent, world).catch((error: unknown) => `thrown: ${(error as Error).stack}`)
      slowest = Math.max(slowest, performance.now() - began)
      const kind = world.answers.at(-1)?.error ?? 'none'
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      if (wrong !== undefined)
        found.push(
          `seed ${seed}: ${sent.method} ${sent.target.slice(0, 100)} ${sent.headers['x-amz-target'] ?? ''} ${String(sent.body).slice(0, 400)}\n${wrong}`,
        )
      if (found.length > 20) break
      for (const kept of [world.records, world.intents, world.answers, world.logged]) kept.length = 0
    }
    expect(found).toEqual([])
    // The mutations reach what is behind the door: where everything is refused for one reason, nothing is tested.
    if (cases >= 1000) expect(kinds.size).toBeGreaterThan(15)
    if (process.env.SLOW === '1') {
      console.log({
        cases,
        slowest,
        heaps: heaps.map((bytes) => Math.round(bytes / 1e6)),
        kinds: Object.fromEntries([...kinds].sort(([, a], [, b]) => b - a)),
      })
      // The first is taken when all code has been compiled and all caches are full.
      expect(heaps.at(-1) ?? 0).toBeLessThan((heaps[0] ?? 0) + 20e6)
    }
    expect(slowest).toBeLessThan(10_000)
  },
  cases * 20 + 60_000,
)

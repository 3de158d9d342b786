import { randomBytes, randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { handler as frontDoor } from '../../functions/front-door.ts'
import { rootArn } from '../../lib/arn.ts'
import type { AuditRecord } from '../../lib/audit/record.ts'
import { GrantTokens } from '../../lib/grants/tokens.ts'
import type { AccessKey, Caller } from '../../lib/identity/caller.ts'
import { directoryOf } from '../../lib/identity/principals.ts'
import { Sessions } from '../../lib/identity/sessions.ts'
import { ownerOfSecret, SigningKeys } from '../../lib/identity/signing-keys.ts'
import { type Answered, Metrics } from '../../lib/metrics/metrics.ts'
import { openIssuers } from '../../lib/oidc/issuers.ts'
import { openPeers } from '../../lib/peers/client.ts'
import type { PolicyCaller } from '../../lib/policy/principals.ts'
import { type Rates, unlimited } from '../../lib/rates/rates.ts'
import { receiveLetter } from '../../lib/receive.ts'
import { together } from '../../lib/regions/together.ts'
import { type OpenWorld, useWorld } from '../../lib/runtime.ts'
import type { Outcome } from '../../lib/scheduled.ts'
import { fileTrail } from '../../lib/sinks/file-trail.ts'
import type { Records } from '../../lib/store/cached.ts'
import { letters } from '../../lib/store/letters.ts'
import { UsageBook } from '../../lib/store/usage-book.ts'
import { openXks } from '../../lib/xks/client.ts'
import { ClustersInMemory } from './clusters.ts'
import { memoryStore } from './memory-store.ts'
import { type Credentials, signedHeaders } from './sign.ts'
import { SoftHsm, secretKey } from './soft-hsm.ts'
import { callOf } from './targets.ts'
import { XksProxyDouble } from './xks-proxy.ts'

export const account = '000000000000'
export const region = 'us-east-1'
/** The only one that is configured. */
export const cluster = 'cluster-2a23b4cdefg'
export const root: Credentials = {
  accessKeyId: 'AKIAROOTROOTROOTROOT',
  secretAccessKey: 'a-secret-for-tests-that-guards-nothing-x',
}

export interface Answer {
  readonly status: number
  readonly requestId: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
  readonly json: any
}

/** The Regions that there are. */
export const regions = ['eu-west-1', 'us-east-1', 'us-west-2']

export interface Network {
  readonly clock: { ms: number }
  readonly domain: Uint8Array
  readonly worlds: Map<string, TestWorld>
  /** How many letters still reach a Region before it is cut off. */
  readonly cut: Map<string, number>
  /** What outlives the process of a Region: its token, and what its store keeps. */
  readonly hsms: Map<string, SoftHsm>
  readonly storeOf: (region: string) => Records
}
export const newNetwork = (storeOf: Network['storeOf'] = memoryStore): Network => ({
  clock: { ms: Date.parse('2026-11-24T12:00:00Z') },
  domain: randomBytes(32),
  worlds: new Map(),
  cut: new Map(),
  hsms: new Map(),
  storeOf,
})

/** A whole service in memory: wire in, wire out, with its clock, store, HSM and audit trail in the test's hands. */
export class TestWorld {
  readonly region: string
  /** Of all Regions: their clock, what their HSMs share, each one's world, and those that are cut off. */
  readonly network: Network
  readonly store: Records
  /** Nothing is there: records are kept in memory. */
  readonly directory = join(tmpdir(), `keystead-${randomUUID()}`)
  readonly hsm: SoftHsm
  readonly records: AuditRecord[] = []
  /** Of changes that were about to be made. */
  readonly intents: AuditRecord[] = []
  readonly logged: Readonly<Record<string, unknown>>[] = []
  readonly answers: Answered[] = []
  readonly outcomes: Outcome[] = []
  auditFailure: Error | undefined
  rates: Rates = unlimited
  readonly lastUsage: UsageBook
  readonly signingKeys: SigningKeys
  readonly sessions: Sessions
  readonly issuers = openIssuers({ now: () => this.nowMs, httpOnLoopback: true })
  readonly clusters = new ClustersInMemory(cluster, account)
  /** Behind every host name: the external key store proxy. */
  readonly proxy = new XksProxyDouble(() => this.nowMs)
  readonly open: OpenWorld

  constructor(region = 'us-east-1', network: Network = newNetwork()) {
    this.region = region
    this.network = network
    network.worlds.set(region, this)
    this.store = network.storeOf(region)
    this.hsm = network.hsms.get(region) ?? new SoftHsm(network.domain)
    network.hsms.set(region, this.hsm)
    this.lastUsage = new UsageBook(this.store.uses, {
      flushMs: 60_000,
      now: () => this.nowMs,
      log: (entry) => void this.logged.push(entry),
    })
    this.signingKeys = new SigningKeys(this.hsm, new Uint8Array(32))
    this.sessions = new Sessions(this.hsm, this.store.accessKeys, account)
    this.open = this.#opened()
  }

  get nowMs(): number {
    return this.network.clock.ms
  }
  set nowMs(ms: number) {
    this.network.clock.ms = ms
  }

  #opened(): OpenWorld {
    const now = () => this.nowMs
    const log = (entry: Readonly<Record<string, unknown>>) => void this.logged.push(entry)
    const { keys: ownKeys, materials } = this.store
    const { hsm, region } = this
    const endpoints = Object.fromEntries(
      regions.filter((each) => each !== region).map((each) => [each, `https://${each}`]),
    )
    const peers = openPeers({
      endpoints,
      hsm,
      letters,
      now,
      post: (url, headers, body) => this.#post(url, headers, body),
    })
    return {
      peers,
      letters,
      ownKeys,
      keyStore: together({ keyStore: ownKeys, materials, peers, now, log }),
      materials: this.store.materials,
      aliases: this.store.aliases,
      grants: this.store.grants,
      grantTokens: new GrantTokens(this.hsm),
      accessKeys: this.store.accessKeys,
      principals: this.store.principals,
      directory: directoryOf(this.store.principals),
      lastUsage: this.lastUsage,
      hsm: this.hsm,
      keyStores: this.store.keyStores,
      clusters: this.clusters,
      xks: openXks({ region, signingKeys: this.signingKeys, now: () => this.nowMs, send: this.proxy.send }),
      signingKeys: this.signingKeys,
      sessions: this.sessions,
      auth: 'sigv4',
      issuers: this.issuers,
      trail: fileTrail(this.directory),
      audit: {
        write: async (record) => {
          if (this.auditFailure) throw this.auditFailure
          const kept = record.eventType === 'KeysteadIntent' ? this.intents : this.records
          kept.push(structuredClone(record))
        },
      },
      rates: { take: (caller, quota) => this.rates.take(caller, quota) },
      attestationRoot: '',
      metrics: new Metrics(),
      auditKeepDays: 0,
      answered: (answer) => void this.answers.push(answer),
      worked: (outcome) => void this.outcomes.push(outcome),
      partition: 'aws',
      region,
      account,
      now,
      uuid: randomUUID,
      log,
      check: async () => {},
      close: async () => {},
    }
  }

  static async start(): Promise<TestWorld> {
    const world = new TestWorld()
    await world.addRoot(account, root)
    useWorld(world.open)
    return world
  }

  /** The world of another Region. */
  async neighbour(region: string): Promise<TestWorld> {
    const known = this.network.worlds.get(region)
    if (known) return known
    const world = new TestWorld(region, this.network)
    await world.addRoot(account, root)
    return world
  }

  /** What a Region says to another. */
  async #post(url: URL, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    const left = this.network.cut.get(url.host)
    if (left === 0) throw new Error('connect ECONNREFUSED')
    if (left !== undefined) this.network.cut.set(url.host, left - 1)
    const request = { id: randomUUID(), method: 'POST', path: url.pathname, query: '', headers, body }
    const there = await this.neighbour(url.host)
    return receiveLetter({ ...request, sourceIp: '192.0.2.7', secure: true }, there.open)
  }

  /** The root user of an account, with an access key. */
  async addRoot(of: string, credentials: Credentials): Promise<void> {
    const id = credentials.accessKeyId
    const wrapped = await this.hsm.wrapSecret(
      ownerOfSecret({ account: of, id }),
      secretKey(credentials.secretAccessKey),
    )
    const principal = {
      type: 'Root',
      account: of,
      arn: rootArn({ partition: 'aws', account: of }),
      principalId: of,
    } as const
    await this.open.accessKeys.create({ id, account: of, status: 'Active', principal, createdAt: this.nowMs, wrapped })
  }

  /** Somebody of any kind, whatever IAM keeps of anybody: for tests that are about who asks. */
  async addCaller(principal: PolicyCaller & Pick<Caller, 'policies'>): Promise<Credentials> {
    const { account: of } = principal
    const id = `AKIA${randomUUID().replaceAll('-', '').slice(0, 16).toUpperCase()}`
    const credentials = { accessKeyId: id, secretAccessKey: `${id}-guards-nothing-either` }
    const wrapped = await this.hsm.wrapSecret(
      ownerOfSecret({ account: of, id }),
      secretKey(credentials.secretAccessKey),
    )
    const stored = { id, account: of, status: 'Active', principal, createdAt: this.nowMs, wrapped } as const
    await this.store.accessKeys.create(stored as unknown as AccessKey)
    return credentials
  }

  /** `POST /` with a target, signed by AWS's signer unless told otherwise. */
  async call(action: string, input: unknown = {}, by: Credentials | 'nobody' = root): Promise<Answer> {
    const body = typeof input === 'string' ? input : JSON.stringify(input)
    const headers = {
      host: 'localhost:4599',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': callOf(action).target,
    }
    return this.send({ method: 'POST', target: '/', headers, body }, by, undefined, undefined, callOf(action).service)
  }

  async send(
    request: { method: string; target: string; headers: Record<string, string>; body: string | Uint8Array },
    by: Credentials | 'nobody' = root,
    via: (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2> = frontDoor,
    pathParameters?: Record<string, string>,
    service = 'kms',
  ): Promise<Answer> {
    const at = { region: this.region, service, date: new Date(this.nowMs) }
    const headers = by === 'nobody' ? request.headers : await signedHeaders(request, by, at)
    return this.receive({ ...request, headers }, via, pathParameters)
  }

  /** As is: what was signed elsewhere, and perhaps changed since. */
  async receive(
    request: { method: string; target: string; headers: Record<string, string>; body: string | Uint8Array },
    via: (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2> = frontDoor,
    pathParameters?: Record<string, string>,
  ): Promise<Answer> {
    const { status, headers, body } = await this.answer(request, via, pathParameters)
    return { status, requestId: String(headers['x-amzn-RequestId']), json: JSON.parse(body || 'null') }
  }

  /** As is, and its answer as is. */
  async answer(
    request: { method: string; target: string; headers: Record<string, string>; body: string | Uint8Array },
    via: (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2> = frontDoor,
    pathParameters?: Record<string, string>,
  ) {
    useWorld(this.open)
    const { statusCode = 0, headers = {}, body = '' } = await via(eventOf(request, pathParameters), {} as Context)
    return { status: statusCode, headers, body }
  }

  /** A key made over the wire; its metadata. */
  async key(input: Readonly<Record<string, unknown>> = {}): Promise<{ KeyId: string; Arn: string }> {
    return (await this.call('CreateKey', input)).json.KeyMetadata
  }
}

export function eventOf(
  request: { method: string; target: string; headers: Record<string, string>; body: string | Uint8Array },
  pathParameters?: Record<string, string>,
): APIGatewayProxyEventV2 {
  const [path = '/', query = ''] = request.target.split('?')
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers,
    requestContext: {
      accountId: '',
      apiId: '',
      domainName: 'localhost',
      domainPrefix: '',
      requestId: '',
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
      http: {
        method: request.method,
        path,
        protocol: 'HTTP/1.1',
        sourceIp: '192.0.2.1',
        userAgent: headers['user-agent'] ?? '',
      },
    },
    body: Buffer.from(request.body as string).toString('base64'),
    isBase64Encoded: true,
    ...(pathParameters && { pathParameters }),
  }
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text as string).toString('base64')

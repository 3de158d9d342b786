/** Where the edges meet: the world of this process, opened once, by its configuration. */
import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type Config, readConfig } from './config.ts'
import { GrantTokens } from './grants/tokens.ts'
import type { ClusterToken } from './hsm/clusters.ts'
import type { HsmOpener } from './hsm/hsm.ts'
import { openedLate } from './hsm/late.ts'
import { directoryOf } from './identity/principals.ts'
import { Sessions } from './identity/sessions.ts'
import { SigningKeys } from './identity/signing-keys.ts'
import { increments } from './metrics/increments.ts'
import { embedded, embeddedNumbers, Metrics } from './metrics/metrics.ts'
import { hsmReadings, lossReadings, storeReadings, workReadings } from './metrics/readings.ts'
import { type Rates, TokenBuckets, unlimited } from './rates/rates.ts'
import type { PeerWorld } from './receive.ts'
import { together } from './regions/together.ts'
import type { DueWorld, Outcome } from './scheduled.ts'
import type { StorePlace } from './store/connect.ts'
import { connectedClusters } from './stores/finding.ts'

export interface OpenWorld extends PeerWorld, DueWorld {
  readonly metrics: Metrics
  /** Rejects when the store or the HSM does not answer, or the disk of the trail is full. */
  check(): Promise<void>
  close(): Promise<void>
}

let opened: Promise<OpenWorld> | undefined

/** How a process opens the HSM. */
export interface Ways {
  /** In this process, unless given: a Lambda serves one request at a time, and what hangs ends with its time-out. */
  readonly openHsm?: HsmOpener
  /** When it is first asked for something; at once otherwise. For work that may ask nothing of it. */
  readonly late?: boolean
}

/** The world of this process, opened by whoever asks first. A start that failed is tried again with the next request. */
export function openWorld(ways: Ways = {}): Promise<OpenWorld> {
  opened ??= worldOf(readConfig(process.env), ways).catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

/** Stands in for the configured world, in tests; undefined goes back to the configured one. */
export function useWorld(world: OpenWorld | undefined): void {
  opened = world && Promise.resolve(world)
}

export const log = (entry: Readonly<Record<string, unknown>>): void => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`)
}

/** The edges are loaded when the first request needs them: whoever only describes an operation has none of them. */
async function worldOf(config: Config, ways: Ways): Promise<OpenWorld> {
  const [
    openHsm,
    { openClusters },
    { openStore },
    { letters },
    { UsageBook },
    { openXks },
    { openHttps },
    { openIssuers },
    { openPeers, postWithin },
    { openSink },
  ] = await Promise.all([
    ways.openHsm ?? import('./hsm/hsm.ts').then((hsm) => hsm.openHsm),
    import('./hsm/clusters.ts'),
    import('./store/store.ts'),
    import('./store/letters.ts'),
    import('./store/usage-book.ts'),
    import('./xks/client.ts'),
    import('./xks/https.ts'),
    import('./oidc/issuers.ts'),
    import('./peers/client.ts'),
    import('./sinks/sink.ts'),
  ])
  const now = Date.now
  const store = await openStore({ ...storePlace(config), cacheTtlMs: config.KEYSTEAD_CACHE_TTL_MS, now })
  const first = hsmPlace(config)
  const open = async () => openHsm({ ...first, pin: await pinOf(config), now })
  const hsm = ways.late ? openedLate(open) : await open()
  const clusters = openClusters({
    tokens: clusterTokens(config, first, now),
    account: config.KEYSTEAD_ACCOUNT_ID,
    connected: async () => connectedClusters(await store.keyStores.of(config.KEYSTEAD_ACCOUNT_ID, { fresh: true })),
    recheckMs: Math.max(config.KEYSTEAD_CACHE_TTL_MS, leastRecheckMs),
    openHsm,
    log,
  })
  const sink = await openSink(sinkOptions(config))
  const { keys: ownKeys, materials, aliases, grants, accessKeys, principals, keyStores, uses } = store
  const signingKeys = new SigningKeys(hsm, randomBytes(32))
  const sessions = new Sessions(hsm, accessKeys, config.KEYSTEAD_ACCOUNT_ID)
  const proxies = openHttps(proxyOptions(config))
  const lastUsage = new UsageBook(uses, { flushMs: config.KEYSTEAD_LAST_USAGE_FLUSH_MS, now, log })
  const endpoints = config.KEYSTEAD_PEERS
  const peers = openPeers({ endpoints, hsm, letters, now, post: postWithin(config.KEYSTEAD_PEER_TIMEOUT_MS) })
  const metrics = new Metrics()
  metrics.read(() => hsmReadings(hsm.counters))
  metrics.read(() => storeReadings(store.counters))
  metrics.read(() => lossReadings(sink.lost()))
  const outcomes = new Map<string, Outcome>()
  metrics.read(() => [...outcomes.values()].flatMap(workReadings))
  const emit = (line: object): void => {
    if (config.KEYSTEAD_METRICS === 'emf') process.stdout.write(`${JSON.stringify(line)}\n`)
  }
  const namespace = config.KEYSTEAD_METRICS_NAMESPACE
  const grown = increments(60_000, namespace)
  const emitGrown = (): void => {
    const { operations, failures, reopenings, hits, misses } = hsm.counters
    const { reads, writes, failures: refused } = store.counters
    const { records, events } = sink.lost()
    const parts = {
      Hsm: {
        Operations: operations,
        Failures: failures,
        Reopenings: reopenings,
        HandleHits: hits,
        HandleMisses: misses,
      },
      Store: { Reads: reads, Writes: writes, Throttles: refused },
      Audit: { LostRecords: records, LostEvents: events },
    }
    for (const line of grown(parts, now())) emit(line)
  }
  return {
    metrics,
    answered: (answer) => {
      metrics.answered(answer)
      emit(embedded(answer, now(), namespace))
      emitGrown()
    },
    worked: (outcome) => {
      outcomes.set(outcome.name, outcome)
      const { done: Done, failed: Failed, lateMs: LateMs } = outcome
      emit(embeddedNumbers({ Task: outcome.name }, { Done, Failed, LateMs }, now(), namespace))
    },
    keyStore: together({ keyStore: ownKeys, materials, peers, now, log }),
    ownKeys,
    peers,
    letters,
    materials,
    aliases,
    grants,
    grantTokens: new GrantTokens(hsm),
    accessKeys,
    principals,
    directory: directoryOf(principals, config.KEYSTEAD_AUTH === 'aws-iam'),
    lastUsage,
    hsm,
    keyStores,
    clusters,
    xks: openXks({ region: config.KEYSTEAD_REGION, signingKeys, now, send: proxies.send }),
    signingKeys,
    sessions,
    auth: config.KEYSTEAD_AUTH,
    issuers: openIssuers({ now, httpOnLoopback: config.KEYSTEAD_OIDC_LOOPBACK_HTTP === 'true' }),
    audit: sink,
    rates: ratesOf(config, now),
    auditKeepDays: config.KEYSTEAD_AUDIT_KEEP_DAYS,
    trail: sink.trail,
    partition: config.KEYSTEAD_PARTITION,
    region: config.KEYSTEAD_REGION,
    account: config.KEYSTEAD_ACCOUNT_ID,
    attestationRoot: config.KEYSTEAD_ATTESTATION_ROOT,
    now,
    uuid: randomUUID,
    log,
    check: async () => {
      await store.check()
      await hsm.check()
      await sink.check()
    },
    close: async () => {
      await sink.close()
      await lastUsage.close()
      await store.close()
      proxies.close()
      await clusters.close()
      hsm.close()
    },
  }
}

const softHsmModules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
]

/** The PKCS#11 module: the configured one, or SoftHSM where systems put it. */
export const hsmModuleOf = (config: Config): string | undefined =>
  config.KEYSTEAD_HSM_MODULE ?? softHsmModules.find((path) => existsSync(path))

export const storePlace = (config: Config): StorePlace =>
  config.KEYSTEAD_STORE === 'embedded'
    ? { kind: 'embedded', directory: `${config.KEYSTEAD_HOME}/store` }
    : {
        kind: 'dynamodb',
        region: config.KEYSTEAD_REGION,
        table: config.KEYSTEAD_TABLE,
        ...(config.KEYSTEAD_DYNAMODB_ENDPOINT !== undefined && { endpoint: config.KEYSTEAD_DYNAMODB_ENDPOINT }),
      }

async function pinOf(config: Config): Promise<string> {
  const { KEYSTEAD_HSM_PIN: pin, KEYSTEAD_HSM_PIN_SECRET: id, KEYSTEAD_SECRETS_ENDPOINT: endpoint } = config
  if (pin !== undefined) return pin
  if (id === undefined || endpoint === undefined) return readFileSync(config.KEYSTEAD_HSM_PIN_FILE, 'utf8').trim()
  const { pinInSecret } = await import('./hsm/pin.ts')
  return pinInSecret({ id, endpoint, region: config.KEYSTEAD_REGION, now: Date.now })
}

/** @throws Error when there is no module, or no PIN */
export const hsmOptions = async (config: Config) => ({ ...hsmPlace(config), pin: await pinOf(config) })

function hsmPlace(config: Config) {
  const module = hsmModuleOf(config)
  if (module === undefined) throw new Error('No PKCS#11 module: set KEYSTEAD_HSM_MODULE, or install SoftHSM.')
  const soft = config.KEYSTEAD_HSM_PROFILE === 'softhsm'
  return {
    module,
    tokenLabel: config.KEYSTEAD_HSM_TOKEN_LABEL,
    runDirectory: config.KEYSTEAD_RUN_DIRECTORY,
    profile: config.KEYSTEAD_HSM_PROFILE,
    handles: config.KEYSTEAD_HSM_HANDLES,
    hsmOnly: config.KEYSTEAD_HSM_ONLY === 'true',
    besideDirectories: besideDirectories(config),
    ...(soft && { tokenDirectory: config.KEYSTEAD_HSM_TOKEN_DIRECTORY }),
  }
}

const leastRecheckMs = 1000

/** Those that hold SoftHSM tokens of custom key stores: copied along at the start, as SoftHSM looks only then. */
const besideDirectories = (config: Config): readonly string[] =>
  Object.values(config.KEYSTEAD_KEY_STORES).flatMap(({ tokenDirectory }) => tokenDirectory ?? [])

export function clusterTokens(
  config: Config,
  first: ReturnType<typeof hsmPlace>,
  now: () => number,
): ReadonlyMap<string, ClusterToken> {
  const tokens = Object.entries(config.KEYSTEAD_KEY_STORES).map(([id, given]): [string, ClusterToken] => {
    const { tokenLabel, pinFile, module = first.module } = given
    const profile = given.profile ?? (given.module === undefined ? first.profile : undefined)
    const tokenDirectory =
      given.tokenDirectory ?? (profile === 'softhsm' ? config.KEYSTEAD_HSM_TOKEN_DIRECTORY : undefined)
    const { runDirectory, handles, besideDirectories: beside } = first
    const options = { module, tokenLabel, runDirectory, handles, besideDirectories: beside, now }
    return [
      id,
      {
        options: { ...options, ...(profile && { profile }), ...(tokenDirectory !== undefined && { tokenDirectory }) },
        readPin: () => readFileSync(pinFile, 'utf8').trim(),
      },
    ]
  })
  return new Map(tokens)
}

function ratesOf(config: Config, now: () => number): Rates {
  const factor = config.KEYSTEAD_RATE_LIMITS
  if (factor === undefined) return unlimited
  return new TokenBuckets({ factor, principalShare: config.KEYSTEAD_RATE_LIMIT_PRINCIPAL_PERCENT / 100, now })
}

const proxyOptions = (config: Config) => ({
  timeoutMs: config.KEYSTEAD_XKS_TIMEOUT_MS,
  ...(config.KEYSTEAD_XKS_CA_FILE !== undefined && { ca: readFileSync(config.KEYSTEAD_XKS_CA_FILE, 'utf8') }),
})

const sinkOptions = (config: Config) => ({
  kind: config.KEYSTEAD_AUDIT_SINK,
  directory: config.KEYSTEAD_AUDIT_DIRECTORY,
  region: config.KEYSTEAD_REGION,
  table: config.KEYSTEAD_AUDIT_TABLE,
  endpoint: config.KEYSTEAD_DYNAMODB_ENDPOINT,
  keepDays: config.KEYSTEAD_AUDIT_KEEP_DAYS,
  strict: config.KEYSTEAD_AUDIT === 'strict',
  bus: config.KEYSTEAD_EVENT_BUS,
  uuid: randomUUID,
  now: Date.now,
  log,
})

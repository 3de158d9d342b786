/**
 * All configuration, read here and nowhere else: environment variables `KEYSTEAD_*`, each a row of `settings`. The
 * README's table is made from these rows (`npm run derive`).
 */
import {
  ConfigurationError,
  choice,
  type Env,
  homeOf,
  inHome,
  networks,
  objectIn,
  optionalText,
  peersIn,
  regionName,
  type Setting,
  text,
  whole,
} from './setting-kinds.ts'

const profileNames = ['softhsm', 'cloudhsm', 'generic'] as const

/** Another token, which stands for a CloudHSM cluster. What is left out is as for the first token. */
export interface ClusterSetting {
  readonly tokenLabel: string
  readonly pinFile: string
  /** SoftHSM's, as KEYSTEAD_HSM_TOKEN_DIRECTORY. */
  readonly tokenDirectory?: string
  readonly module?: string
  readonly profile?: (typeof profileNames)[number]
}

const clusterMembers: Readonly<Record<string, (value: string) => boolean>> = {
  tokenLabel: (value) => value.length > 0 && Buffer.byteLength(value) <= 32,
  pinFile: (value) => value.length > 0,
  tokenDirectory: (value) => value.length > 0,
  module: (value) => value.length > 0,
  profile: (value) => (profileNames as readonly string[]).includes(value),
}

function isCluster(id: string, token: unknown): boolean {
  const members = Object.entries<unknown>(Object(token))
  const sound = members.every(([name, value]) => {
    const fits = Object.hasOwn(clusterMembers, name) ? clusterMembers[name] : undefined
    return fits !== undefined && typeof value === 'string' && !value.includes('\0') && fits(value)
  })
  const given = new Set(members.map(([name]) => name))
  return sound && given.has('tokenLabel') && given.has('pinFile') && /^cluster-[2-7a-zA-Z]{11,16}$/.test(id)
}

function clustersIn(text: string): Readonly<Record<string, ClusterSetting>> {
  const what =
    'JSON: an object of {"tokenLabel", "pinFile"} by cluster id; "tokenDirectory", "module" and "profile" may be given'
  const json = objectIn(text, what)
  if (!Object.entries(json).every(([id, token]) => isCluster(id, token))) {
    throw new ConfigurationError(what)
  }
  return json as Readonly<Record<string, ClusterSetting>>
}

function rateFactorIn(given = 'none'): number | undefined {
  if (given === 'none') return undefined
  const factor = given === 'aws' ? 1 : Number(given)
  if (given.trim() === '' || !(factor >= 0.001 && factor <= 1000)) {
    throw new ConfigurationError('none, aws, or a number from 0.001 to 1000')
  }
  return factor
}

const accessKeyId = /^[A-Z0-9]{16,128}$/

export const settings = {
  KEYSTEAD_HOME: {
    summary: 'Where local state lives: token, store, audit log, credentials.',
    byDefault: '.keystead',
    read: (_given, env) => homeOf(env),
  } as Setting<string>,
  KEYSTEAD_HOST: text(
    'Address to listen on. Anything but loopback belongs behind TLS.',
    '127.0.0.1',
    /^[0-9a-zA-Z.:-]+$/,
    'an address',
  ),
  KEYSTEAD_TRUSTED_PROXIES: networks(
    'Who is believed about who asked and whether over TLS (`X-Forwarded-For`, `-Proto`): addresses, networks, with commas between.',
  ),
  KEYSTEAD_PORT: whole('Port to listen on; 0 takes any free one.', 4599, 0, 65535),
  KEYSTEAD_ACCOUNT_ID: text('The account that owns the keys.', '000000000000', /^\d{12}$/, '12 digits'),
  KEYSTEAD_ACCOUNTS: optionalText(
    'Further accounts, with commas between. The access key of the root user of each is in the profile of its id.',
    /^\d{12}(?:,\d{12})*$/,
    'account ids of 12 digits with commas between',
  ),
  KEYSTEAD_REGION: text(
    'The Region served; requests signed for another are refused.',
    'us-east-1',
    regionName,
    'a Region',
  ),
  KEYSTEAD_PARTITION: text('The partition in ARNs.', 'aws', /^aws[a-z-]*$/, 'a partition'),
  KEYSTEAD_AUTH: choice(
    "Who says who signed a request of a RESTful route: Keystead, or the IAM authorizer of the API Gateway before it, of AWS's own users and roles:",
    ['sigv4', 'aws-iam'],
  ),
  KEYSTEAD_ROOT_ACCESS_KEY_ID: optionalText(
    "Seeds the root user's access key instead of making one.",
    accessKeyId,
    '16 to 128 capital letters and digits',
  ),
  KEYSTEAD_ROOT_SECRET_ACCESS_KEY: optionalText(
    'The secret that goes with it.',
    /^[\x21-\x7e]{20,128}$/,
    '20 to 128 printable characters',
  ),
  KEYSTEAD_SEED: optionalText(
    'A YAML file of keys and aliases that a local start makes where they are not there yet (docs/seed.md).',
  ),
  KEYSTEAD_STORE: choice('Where metadata is kept:', ['embedded', 'dynamodb']),
  KEYSTEAD_DYNAMODB_ENDPOINT: optionalText(
    'A DynamoDB-compatible server, instead of the one of the Region.',
    /^https?:\/\/[^\s]+$/,
    'an http(s) URL',
  ),
  KEYSTEAD_TABLE: text("The store's table.", 'keystead', /^[a-zA-Z0-9_.-]{3,255}$/, 'a table name'),
  KEYSTEAD_CACHE_TTL_MS: whole(
    'How long a key, alias or credential may be served from memory; 0 is never.',
    1000,
    0,
    60_000,
  ),
  KEYSTEAD_LAST_USAGE_FLUSH_MS: whole(
    "How long a key's last use may be known to one process only, and so be lost with it.",
    300_000,
    100,
    3_600_000,
  ),
  KEYSTEAD_AUDIT: choice(
    'What happens to a request whose audit record cannot be written: it is refused, or the loss is counted:',
    ['strict', 'best-effort'],
  ),
  KEYSTEAD_AUDIT_SINK: choice('Where the audit trail goes:', ['file', 'dynamodb']),
  KEYSTEAD_AUDIT_DIRECTORY: inHome('The directory of the file sink.', 'audit'),
  KEYSTEAD_AUDIT_TABLE: text(
    'The table of the DynamoDB sink.',
    'keystead-audit',
    /^[a-zA-Z0-9_.-]{3,255}$/,
    'a table name',
  ),
  KEYSTEAD_EVENT_BUS: optionalText(
    'The EventBridge bus that is told of what happens to keys: state changes, rotation, deletion, expiry. Nobody without it.',
    /^[a-zA-Z0-9._/-]{1,256}$/,
    'the name of an event bus',
  ),
  KEYSTEAD_AUDIT_KEEP_DAYS: {
    summary:
      'How many days of the audit trail are kept, at least 30, so that what fails to be sealed can be; 0 is all.',
    byDefault: '0',
    read: (given) => {
      const days = given === undefined ? 0 : Number(given)
      if (days === 0 || (Number.isInteger(days) && days >= 30 && days <= 36_500)) return days
      throw new ConfigurationError('0, or a whole number from 30 to 36500')
    },
  } as Setting<number>,
  KEYSTEAD_ATTESTATION_ROOT: text(
    "SHA-256 fingerprint of the root certificate of enclaves' attestation documents. AWS Nitro Enclaves' own unless given.",
    '64:1A:03:21:A3:E2:44:EF:E4:56:46:31:95:D6:06:31:7E:D7:CD:CC:3C:17:56:E0:98:93:F3:C6:8F:79:BB:5B',
    /^[0-9A-F]{2}(?::[0-9A-F]{2}){31}$/,
    '32 hexadecimal bytes with colons between',
  ),
  KEYSTEAD_HSM_MODULE: optionalText('The PKCS#11 module. Without it, SoftHSM where the system has put it.'),
  KEYSTEAD_HSM_PROFILE: choice("The token's kind:", profileNames),
  KEYSTEAD_HSM_TOKEN_LABEL: text('The label of the token.', 'keystead'),
  KEYSTEAD_HSM_TOKEN_DIRECTORY: inHome(
    "SoftHSM's token directory; each process works on a copy of its own.",
    'hsm/tokens',
  ),
  KEYSTEAD_HSM_PIN: optionalText("The token's PIN."),
  KEYSTEAD_HSM_PIN_SECRET: optionalText('A secret of AWS Secrets Manager that holds the PIN, by its ARN.'),
  KEYSTEAD_SECRETS_ENDPOINT: optionalText(
    'Where Secrets Manager is; with KEYSTEAD_HSM_PIN_SECRET.',
    /^https:\/\/[^\s]+$|^http:\/\/127\.0\.0\.1:\d+$/,
    'an https URL',
  ),
  KEYSTEAD_HSM_PIN_FILE: inHome('A file that holds the PIN, when it is not given.', 'hsm/pin'),
  KEYSTEAD_HSM_TIMEOUT_MS: whole(
    "How long a call of the HSM may take under `npm start`, which runs it in a process of its own. On Lambda it is the function's time-out.",
    10_000,
    100,
    300_000,
  ),
  KEYSTEAD_HSM_HANDLES: whole('How many keys are kept open in the HSM.', 8192, 16, 1_000_000),
  KEYSTEAD_HSM_ONLY: choice(
    'Whether specs are refused whose keys this token cannot use itself, and which are opened in the process for it:',
    ['false', 'true'],
  ),
  KEYSTEAD_KEY_STORES: {
    summary:
      'Tokens for custom key stores: JSON, `{"cluster-…": {"tokenLabel": "…", "pinFile": "…", "tokenDirectory": "…"}}`; see docs/custom-key-stores.md.',
    byDefault: '{}',
    read: (given) => clustersIn(given ?? '{}'),
  } as Setting<Readonly<Record<string, ClusterSetting>>>,
  KEYSTEAD_PEERS: {
    summary: 'Where the other Regions of multi-Region keys are: JSON, `{"eu-west-1": "https://…"}`.',
    byDefault: '{}',
    read: (given) => peersIn(given ?? '{}'),
  } as Setting<Readonly<Record<string, string>>>,
  KEYSTEAD_PEER_TIMEOUT_MS: whole('How long another Region has to answer.', 5000, 100, 25_000),
  KEYSTEAD_XKS_TIMEOUT_MS: whole('How long an external key store proxy has to answer.', 250, 50, 10_000),
  KEYSTEAD_XKS_CA_FILE: optionalText(
    "Certificates, in PEM, that external key store proxies' must chain to; instead of the well-known authorities'.",
  ),
  KEYSTEAD_METRICS: choice(
    "Whether each answer's metrics are written to standard output in CloudWatch's embedded metric format:",
    ['none', 'emf'],
  ),
  KEYSTEAD_METRICS_NAMESPACE: text(
    "CloudWatch's namespace of those metrics: two deployments in one account are told apart by it.",
    'Keystead',
    /^[\w./#:-]{1,255}$/,
    'a namespace',
  ),
  KEYSTEAD_METRICS_PORT: whole(
    'Port of 127.0.0.1 where `npm start` serves `GET /metrics` for Prometheus; without it, nowhere.',
    0,
    0,
    65535,
  ),
  KEYSTEAD_RATE_LIMITS: {
    summary:
      'How often an account may call: `none` is as often as it likes, `aws` what AWS grants, and a number so many times that. Each process counts for itself.',
    byDefault: 'none',
    read: rateFactorIn,
  } as Setting<number | undefined>,
  KEYSTEAD_RATE_LIMIT_PRINCIPAL_PERCENT: whole("How much of its account's rate one user or role may use.", 100, 1, 100),
  KEYSTEAD_OIDC_LOOPBACK_HTTP: choice(
    'Whether OIDC providers on this machine are reached by http, for tests. All others are reached by https:',
    ['false', 'true'],
  ),
  KEYSTEAD_RUN_DIRECTORY: inHome('Where each process keeps what ends with it.', 'run'),
} as const satisfies Record<string, Setting<unknown>>

type Values = { readonly [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['read']> }
export type Config = Values

/**
 * @throws ConfigurationError naming the first variable that is unknown or has a bad value; the value is not repeated,
 *   as it may be a secret
 */
export function readConfig(env: Env): Config {
  for (const name of Object.keys(env)) {
    const ours = name.startsWith('KEYSTEAD_') && !name.startsWith('KEYSTEAD_TEST_')
    if (ours && !Object.hasOwn(settings, name)) throw new ConfigurationError(`${name} is not a setting of Keystead`)
  }
  const config: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    try {
      config[name] = setting.read(env[name], env)
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      throw new ConfigurationError(`${name} must be ${error.message}`)
    }
  }
  if (Object.hasOwn(config.KEYSTEAD_PEERS as object, String(config.KEYSTEAD_REGION))) {
    throw new ConfigurationError('KEYSTEAD_PEERS must not name the Region that is served here')
  }
  if ((env.KEYSTEAD_ROOT_ACCESS_KEY_ID === undefined) !== (env.KEYSTEAD_ROOT_SECRET_ACCESS_KEY === undefined)) {
    throw new ConfigurationError('KEYSTEAD_ROOT_ACCESS_KEY_ID and KEYSTEAD_ROOT_SECRET_ACCESS_KEY go together')
  }
  if ((env.KEYSTEAD_HSM_PIN_SECRET === undefined) !== (env.KEYSTEAD_SECRETS_ENDPOINT === undefined)) {
    throw new ConfigurationError('KEYSTEAD_HSM_PIN_SECRET and KEYSTEAD_SECRETS_ENDPOINT go together')
  }
  demandTokensApart(config as Config)
  return config as Config
}

/** One token is one place for keys: disconnecting a store must not end the login of another, or that of the service. */
function demandTokensApart(config: Config): void {
  const labels = Object.values(config.KEYSTEAD_KEY_STORES).map(({ tokenLabel }) => tokenLabel)
  if (new Set([config.KEYSTEAD_HSM_TOKEN_LABEL, ...labels]).size <= labels.length) {
    throw new ConfigurationError('KEYSTEAD_KEY_STORES must name tokens by labels of their own')
  }
}

/**
 * Makes the token that a deployment's keys hang from: its PIN, its root key and its binding key (design.md §3).
 *
 *     npm run provision -- [--module <libsofthsm2.so>] [--directory <directory>] [--label <label>] [--escrow <pem>]
 *
 * What is left out is as configured (KEYSTEAD_*).
 *
 * <directory> then holds `tokens/` (the golden token: copied by every process, opened by none), `pin`, and with
 * --escrow `escrow.json`: the same keys, each encrypted to that RSA key. Keep copies of all three, apart: a lost root
 * is every key lost. Nobody knows the security officer's PIN.
 *
 * With KEYSTEAD_HSM_PROFILE of another vendor's, the token stands already: the vendor's tool has initialised it, and set
 * its label and PIN. It is given the keys, and <directory> holds `escrow.json` alone.
 *
 * Only koffi can do this: a root is locked by CKA_UNWRAP_TEMPLATE, an array of pointers that pkcs11js cannot pass.
 */
import { createHash, createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import koffi from 'koffi'
import { hex } from '../lib/bytes.ts'
import { type Config, readConfig } from '../lib/config.ts'
import {
  attribute,
  keyType,
  mechanism,
  mgf1,
  oaepSourceData,
  objectClass,
  osLockingOk,
  returnCode,
  sessionFlag,
  userType,
} from '../lib/hsm/constants.ts'
import { isAlive, softHsmConfiguration } from '../lib/hsm/private-copy.ts'
import { parseRootName } from '../lib/hsm/roots.ts'
import { type Use, uses } from '../lib/hsm/uses.ts'
import { hsmModuleOf, hsmOptions } from '../lib/runtime.ts'

export interface ProvisionOptions extends TokenPlace {
  /** PEM of an RSA public key whose holder can restore the keys on another token. */
  readonly escrow?: string
}

export interface Provisioned {
  /** False when it stood already. */
  readonly made: boolean
  readonly tokenDirectory: string
  readonly pinFile: string
  readonly escrowFile?: string
}

/** Keys that belong together: each born extractable, sent to each recipient, destroyed, and settled under its locks. */
export type KeySet = readonly { readonly label: string; readonly kind: 'root' | 'binding' }[]

export const regionalKeys: KeySet = [
  { label: 'regional-1', kind: 'root' },
  { label: 'binding-1', kind: 'binding' },
]

/** A new domain root. Its digits are its own, so that a blob of another domain is not taken for one of this. */
export function newDomainKeys(number: number): KeySet {
  const name = `${number}-${randomBytes(8).toString('hex')}`
  return [
    { label: `domain-binding-${name}`, kind: 'binding' },
    { label: `domain-${name}`, kind: 'root' },
  ]
}

const transferKeyBits = 2048
/** An escrowed root lies about for decades. */
const leastEscrowBits = 3072
const keyBytes = 32

export const escrowKey = (pem: string): KeyObject => {
  const key = createPublicKey(pem)
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < leastEscrowBits) {
    throw new Error(`The escrow key must be an RSA public key of ${leastEscrowBits} bits or more.`)
  }
  return key
}

export const fingerprint = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')

/** What stands in the directory, or undefined when nothing does. */
function standing(directory: string, escrow: KeyObject | undefined): Provisioned | undefined {
  if (!existsSync(directory) || readdirSync(directory).length === 0) return undefined
  const [tokenDirectory, pinFile, escrowFile] = ['tokens', 'pin', 'escrow.json'].map((name) => join(directory, name))
  if (!tokenDirectory || !pinFile || !escrowFile || !existsSync(tokenDirectory) || !existsSync(pinFile)) {
    throw new Error(`${directory} holds something else than a provisioned token.`)
  }
  if (!escrow) return { made: false, tokenDirectory, pinFile }
  if (!existsSync(escrowFile) || JSON.parse(readFileSync(escrowFile, 'utf8')).recipient !== fingerprint(escrow)) {
    throw new Error(`${directory} was provisioned without this escrow key, and a root never leaves its token again.`)
  }
  return { made: false, tokenDirectory, pinFile, escrowFile }
}

/**
 * Provisions a token, once: where one stands it is left as it is. A process killed at any point leaves either nothing
 * that counts or all of it, because the token is made aside and renamed into place.
 *
 * @throws Error when the directory holds something else, when it was provisioned without this escrow key, or when the
 * process uses the module already
 */
export function provision(options: ProvisionOptions): Provisioned {
  const directory = resolve(options.directory)
  const escrow = options.escrow === undefined ? undefined : escrowKey(options.escrow)
  const before = standing(directory, escrow)
  if (before) return before
  const isOurs = makeToken({ ...options, directory }, (token, session) => {
    const settled = settleKeys(token, session, [...regionalKeys, ...newDomainKeys(1)], escrow ? [escrow] : [])
    return escrow && escrowOf(options.tokenLabel, escrow, settled)
  })
  // Another process was first.
  if (!isOurs) return provision(options)
  const made = standing(directory, escrow)
  if (!made) throw new Error(`${directory} was removed while it was made.`)
  return { ...made, made: true }
}

/** The keys of a token, each encrypted to the escrow key, in hex by label. */
export interface Escrow {
  readonly version: 1
  readonly tokenLabel: string
  /** Fingerprint of the escrow key. */
  readonly recipient: string
  readonly encryption: 'RSA-OAEP, SHA-1'
  readonly keys: Readonly<Record<string, string>>
}

export function escrowOf(tokenLabel: string, escrow: KeyObject, settled: readonly SentKey[]): Escrow {
  const recipient = fingerprint(escrow)
  const keys = settled.map(({ label, sent }) => [label, sent.get(recipient) ?? ''] as const)
  return { version: 1, tokenLabel, recipient, encryption: 'RSA-OAEP, SHA-1', keys: Object.fromEntries(keys) }
}

export const escrowText = (escrow: Escrow): string => `${JSON.stringify(escrow, null, 2)}\n`

/**
 * Makes a token in a directory that holds nothing yet: whole, or not at all.
 * @param fill puts its keys in. @returns what is to be kept beside it in escrow
 * @returns false when another process has made one there meanwhile
 */
function makeToken(
  { module, directory, tokenLabel }: TokenPlace,
  fill: (token: Token, session: number) => Escrow | undefined,
): boolean {
  if (Buffer.byteLength(tokenLabel) > 32) throw new RangeError('A token label has at most 32 bytes.')
  mkdirSync(dirname(directory), { recursive: true, mode: 0o700 })
  const umask = process.umask(0o077)
  const staging = newStaging(directory)
  try {
    const pin = randomBytes(24).toString('base64url')
    const escrow = inTokens(module, join(staging, 'tokens'), (token) =>
      fill(token, openNewToken(token, tokenLabel, pin)),
    )
    writeFileSync(join(staging, 'pin'), pin, { mode: 0o600 })
    if (escrow) writeFileSync(join(staging, 'escrow.json'), escrowText(escrow), { mode: 0o600 })
    flush(staging)
    renameSync(staging, directory)
    flush(dirname(directory), { deep: false })
    return true
  } catch (error) {
    rmSync(staging, { recursive: true, force: true })
    if (error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST'))
      return false
    throw error
  } finally {
    process.umask(umask)
  }
}

/** A provisioned token, or where one is to be. */
export interface TokenPlace {
  /** Path of SoftHSM's PKCS #11 module. */
  readonly module: string
  readonly directory: string
  readonly tokenLabel: string
}

/**
 * Makes a token with the keys of one that was lost.
 * @param readdress what is in escrow, encrypted anew to the transfer key of the new token, by label
 * @throws Error when something is in the directory
 */
export function restoreToken(
  place: TokenPlace,
  escrow: Escrow,
  readdress: (transferKey: KeyObject) => ReadonlyMap<string, Uint8Array>,
): void {
  const directory = resolve(place.directory)
  const isFree = !existsSync(directory) || readdirSync(directory).length === 0
  const isOurs =
    isFree &&
    makeToken({ ...place, directory }, (token, session) => {
      const transfer = token.generateKeyPair(session)
      for (const [label, wrapped] of readdress(keyOf(token, session, transfer.publicKey))) {
        const kind = parseRootName(label) ? 'root' : 'binding'
        settleKey(token, session, transfer.privateKey, { label, kind }, wrapped)
      }
      return escrow
    })
  if (!isOurs) throw new Error(`${directory} is not empty: a token is restored beside what is there, or after it.`)
}

/** A directory beside the one to be made or changed; those of processes that were killed are removed. */
export function newStaging(directory: string): string {
  const prefix = `.${basename(directory)}.staging-`
  for (const name of readdirSync(dirname(directory))) {
    if (!name.startsWith(prefix)) continue
    const pid = Number.parseInt(name.slice(prefix.length), 10)
    if (pid === process.pid || !isAlive(pid)) rmSync(join(dirname(directory), name), { recursive: true, force: true })
  }
  const staging = join(dirname(directory), `${prefix}${process.pid}-${randomBytes(6).toString('hex')}`)
  mkdirSync(join(staging, 'tokens'), { recursive: true, mode: 0o700 })
  return staging
}

export function flush(path: string, { deep } = { deep: true }): void {
  const isDirectory = statSync(path).isDirectory()
  if (deep && isDirectory) for (const name of readdirSync(path)) flush(join(path, name))
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}

/** Runs `work` on a directory of tokens, with no configuration but its own. */
export function inTokens<T>(module: string, tokenDirectory: string, work: (token: Token) => T): T {
  const configuration = join(dirname(tokenDirectory), 'softhsm2.conf')
  writeFileSync(configuration, softHsmConfiguration(tokenDirectory))
  const { SOFTHSM2_CONF: outside } = process.env
  process.env.SOFTHSM2_CONF = configuration
  try {
    return inModule(module, work)
  } finally {
    if (outside === undefined) delete process.env.SOFTHSM2_CONF
    else process.env.SOFTHSM2_CONF = outside
    rmSync(configuration, { force: true })
  }
}

/** A key as it left for its recipients: encrypted, in hex, by the fingerprint of the recipient's key. */
export interface SentKey {
  readonly label: string
  readonly sent: ReadonlyMap<string, string>
}

/** Makes keys and settles them in the token, for good: what its recipients get now is all that anybody ever gets. */
export function settleKeys(
  token: Token,
  session: number,
  keys: KeySet,
  recipients: readonly KeyObject[],
  { keyWrap = mechanism.aesKeyWrapPad, keep = () => undefined }: SettleOptions = {},
): readonly SentKey[] {
  const transfer = token.generateKeyPair(session)
  const made = keys.map(({ label, kind }) => {
    const newborn = token.generate(session, births[kind].mechanism, births[kind].template)
    const sent = recipients.map((recipient): [string, string] => {
      const handle = token.create(session, publicKeyTemplate(recipient))
      return [fingerprint(recipient), hex(token.wrapTo(session, handle, newborn))]
    })
    const own = token.wrapTo(session, transfer.publicKey, newborn)
    token.destroy(session, newborn)
    return { label, kind, own, sent: new Map(sent) }
  })
  keep(made)
  for (const key of made) settleKey(token, session, transfer.privateKey, key, key.own, keyWrap)
  return made
}

export interface SettleOptions {
  /** What the roots wrap by. */
  readonly keyWrap?: number
  /** Called with what the recipients get before any of the keys is there to stay. */
  readonly keep?: (sent: readonly SentKey[]) => void
}

export function settleKey(
  token: Token,
  session: number,
  privateKey: number,
  { label, kind }: KeySet[number],
  wrapped: Uint8Array,
  keyWrap: number = mechanism.aesKeyWrapPad,
): void {
  token.unwrap(session, privateKey, wrapped, [...births[kind].settled, only(kind, keyWrap), ...named(label)])
}

/** A key from escrow for as long as this session lasts. It is under no label: nothing finds it by one. */
export const borrowKey = (
  token: Token,
  session: number,
  privateKey: number,
  kind: KeySet[number]['kind'],
  wrapped: Uint8Array,
): number => token.unwrap(session, privateKey, wrapped, [...births[kind].borrowed, only(kind, mechanism.aesKeyWrapPad)])

/** The one mechanism that a key is for. */
const only = (kind: KeySet[number]['kind'], keyWrap: number): Attribute =>
  bytes(attribute.allowedMechanisms, ulong(kind === 'root' ? keyWrap : mechanism.hmacSha256))

const named = (label: string) => [bytes(attribute.label, Buffer.from(label)), bytes(attribute.id, Buffer.from(label))]

export function keyOf(token: Token, session: number, publicKey: number): KeyObject {
  const read = (type: number) => token.read(session, publicKey, type).toString('base64url')
  const key = { kty: 'RSA', n: read(attribute.modulus), e: read(attribute.publicExponent) }
  return createPublicKey({ key, format: 'jwk' })
}

function openNewToken(token: Token, label: string, pin: string): number {
  const slot = token.firstSlot()
  const officerPin = randomBytes(24).toString('base64url')
  token.initialize(slot, officerPin, label)
  const session = token.open(slot)
  token.login(session, userType.securityOfficer, officerPin)
  token.setUserPin(session, pin)
  token.logout(session)
  token.login(session, userType.user, pin)
  return session
}

/* PKCS #11 through koffi. */

interface Attribute {
  readonly type: number
  readonly pValue: unknown
  readonly ulValueLen: number
  /** What it points to, and nothing else would keep from being collected. */
  readonly inner?: readonly Attribute[]
}

export const ulong = (value: number): Buffer => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}
export const bytes = (type: number, value: Buffer): Attribute => ({ type, pValue: value, ulValueLen: value.length })
const flag = (type: number, value: boolean): Attribute => bytes(type, Buffer.of(value ? 1 : 0))
export const number = (type: number, value: number): Attribute => bytes(type, ulong(value))

const CK_ATTRIBUTE = koffi.struct({ type: 'ulong', pValue: 'void *', ulValueLen: 'ulong' })
const CK_MECHANISM = koffi.struct({ mechanism: 'ulong', pParameter: 'void *', ulParameterLen: 'ulong' })
const CK_RSA_PKCS_OAEP_PARAMS = koffi.struct({
  hashAlg: 'ulong',
  mgf: 'ulong',
  source: 'ulong',
  pSourceData: 'void *',
  ulSourceDataLen: 'ulong',
})
const CK_C_INITIALIZE_ARGS = koffi.struct({
  CreateMutex: 'void *',
  DestroyMutex: 'void *',
  LockMutex: 'void *',
  UnlockMutex: 'void *',
  flags: 'ulong',
  pReserved: 'void *',
})

/** An attribute whose value is itself a template. */
function nested(type: number, inner: readonly Attribute[]): Attribute {
  const size = koffi.sizeof(CK_ATTRIBUTE)
  const memory: unknown = koffi.alloc(CK_ATTRIBUTE, inner.length)
  for (const [at, one] of inner.entries()) koffi.encode(memory, at * size, CK_ATTRIBUTE, one)
  return { type, pValue: memory, ulValueLen: inner.length * size, inner }
}

const usage = (...allowed: readonly Use[]): readonly Attribute[] =>
  Object.entries(uses(...allowed)).map(([use, value]) => flag(attribute[use as keyof typeof attribute], value))

const sensitiveForEver = [flag(attribute.sensitive, true), flag(attribute.extractable, false)]
const openedBelowRoot = [...sensitiveForEver, flag(attribute.token, false)]
/** Below a root that M custodians have lent: what it opens can be wrapped again, and is in clear nowhere. */
const openedToBeWrapped = [
  flag(attribute.sensitive, true),
  flag(attribute.extractable, true),
  flag(attribute.token, false),
]
const newborn = [
  flag(attribute.token, false),
  flag(attribute.private, true),
  flag(attribute.sensitive, true),
  flag(attribute.extractable, true),
  number(attribute.valueLength, keyBytes),
]
const kept = (inToken: boolean) => [
  number(attribute.class, objectClass.secretKey),
  flag(attribute.token, inToken),
  flag(attribute.private, true),
  ...sensitiveForEver,
]
const rootAttributes = [number(attribute.keyType, keyType.aes)]
const bindingAttributes = [number(attribute.keyType, keyType.genericSecret), ...usage('sign')]

const births = {
  root: {
    mechanism: mechanism.aesKeyGeneration,
    template: newborn,
    settled: [
      ...kept(true),
      ...rootAttributes,
      ...usage('wrap', 'unwrap'),
      nested(attribute.unwrapTemplate, openedBelowRoot),
    ],
    borrowed: [
      ...kept(false),
      ...rootAttributes,
      ...usage('unwrap'),
      nested(attribute.unwrapTemplate, openedToBeWrapped),
    ],
  },
  binding: {
    mechanism: mechanism.genericSecretKeyGeneration,
    template: [...newborn, number(attribute.keyType, keyType.genericSecret)],
    settled: [...kept(true), ...bindingAttributes],
    borrowed: [...kept(false), ...bindingAttributes],
  },
} as const

function publicKeyTemplate(key: KeyObject): readonly Attribute[] {
  const { n = '', e = '' } = key.export({ format: 'jwk' })
  return [
    number(attribute.class, objectClass.publicKey),
    number(attribute.keyType, keyType.rsa),
    flag(attribute.token, false),
    flag(attribute.wrap, true),
    bytes(attribute.modulus, Buffer.from(n, 'base64url')),
    bytes(attribute.publicExponent, Buffer.from(e, 'base64url')),
  ]
}

function oaepSha1(): { mechanism: number; pParameter: unknown; ulParameterLen: number } {
  const memory: unknown = koffi.alloc(CK_RSA_PKCS_OAEP_PARAMS, 1)
  const parameters = {
    hashAlg: mechanism.sha1,
    mgf: mgf1.sha1,
    source: oaepSourceData,
    pSourceData: null,
    ulSourceDataLen: 0,
  }
  koffi.encode(memory, CK_RSA_PKCS_OAEP_PARAMS, parameters)
  return { mechanism: mechanism.rsaOaep, pParameter: memory, ulParameterLen: koffi.sizeof(CK_RSA_PKCS_OAEP_PARAMS) }
}

const plain = (number: number) => ({ mechanism: number, pParameter: null, ulParameterLen: 0 })

export type Token = ReturnType<typeof bind>
type CType = string | ReturnType<typeof koffi.struct> | ReturnType<typeof koffi.out>

/** Runs `work` between C_Initialize and C_Finalize: the process must not use the module otherwise. */
function inModule<T>(path: string, work: (token: Token) => T): T {
  const token = bind(path)
  token.start()
  try {
    return work(token)
  } finally {
    token.stop()
  }
}

/** A session beside those of a process that has initialised the module, and has logged in at the token of this label. */
export function sessionBeside(path: string, tokenLabel: string): { token: Token; session: number; close: () => void } {
  const token = bind(path)
  const session = token.open(token.slotOf(tokenLabel))
  return { token, session, close: () => token.close(session) }
}

/** In the order of CK_FUNCTION_LIST, as far as it is needed. */
const functionNames = [
  'C_Initialize',
  'C_Finalize',
  'C_GetInfo',
  'C_GetFunctionList',
  'C_GetSlotList',
  'C_GetSlotInfo',
  'C_GetTokenInfo',
  'C_GetMechanismList',
  'C_GetMechanismInfo',
  'C_InitToken',
  'C_InitPIN',
  'C_SetPIN',
  'C_OpenSession',
  'C_CloseSession',
  'C_CloseAllSessions',
  'C_GetSessionInfo',
  'C_GetOperationState',
  'C_SetOperationState',
  'C_Login',
  'C_Logout',
  'C_CreateObject',
  'C_CopyObject',
  'C_DestroyObject',
  'C_GetObjectSize',
  'C_GetAttributeValue',
  'C_SetAttributeValue',
  'C_FindObjectsInit',
  'C_FindObjects',
  'C_FindObjectsFinal',
  'C_EncryptInit',
  'C_Encrypt',
  'C_EncryptUpdate',
  'C_EncryptFinal',
  'C_DecryptInit',
  'C_Decrypt',
  'C_DecryptUpdate',
  'C_DecryptFinal',
  'C_DigestInit',
  'C_Digest',
  'C_DigestUpdate',
  'C_DigestKey',
  'C_DigestFinal',
  'C_SignInit',
  'C_Sign',
  'C_SignUpdate',
  'C_SignFinal',
  'C_SignRecoverInit',
  'C_SignRecover',
  'C_VerifyInit',
  'C_Verify',
  'C_VerifyUpdate',
  'C_VerifyFinal',
  'C_VerifyRecoverInit',
  'C_VerifyRecover',
  'C_DigestEncryptUpdate',
  'C_DecryptDigestUpdate',
  'C_SignEncryptUpdate',
  'C_DecryptVerifyUpdate',
  'C_GenerateKey',
  'C_GenerateKeyPair',
  'C_WrapKey',
  'C_UnwrapKey',
] as const

/** What a module must export: where its functions are. Some export nothing else. */
function functionsOf(path: string): (name: (typeof functionNames)[number]) => unknown {
  const list: [unknown] = [null]
  const code = Number(koffi.load(path).func('C_GetFunctionList', 'ulong', [koffi.out(koffi.pointer('void *'))])(list))
  if (code !== 0) throw new Error(`C_GetFunctionList answered 0x${code.toString(16)}`)
  // Behind the version, which is padded to a pointer's size.
  return (name) => koffi.decode(list[0], 8 * (1 + functionNames.indexOf(name)), 'void *')
}

function bind(path: string) {
  const functions = functionsOf(path)
  const call = (name: (typeof functionNames)[number], types: readonly CType[]) => {
    const [pointer, type] = [functions(name), koffi.proto('ulong', [...types])]
    return (...values: readonly unknown[]): void => {
      const code = Number(koffi.call(pointer, type, ...values))
      if (code === returnCode.alreadyInitialized) {
        throw new Error('This process uses the PKCS #11 module already: provision in one of its own.')
      }
      if (code !== 0) throw new Error(`${name} answered 0x${code.toString(16)}`)
    }
  }
  const handleOut = koffi.out(koffi.pointer('ulong'))
  const handleInOut = koffi.inout(koffi.pointer('ulong'))
  const template = [koffi.pointer(CK_ATTRIBUTE), 'ulong'] as const
  const how = koffi.pointer(CK_MECHANISM)

  const C_Initialize = call('C_Initialize', [koffi.pointer(CK_C_INITIALIZE_ARGS)])
  const C_Finalize = call('C_Finalize', ['void *'])
  const C_GetSlotList = call('C_GetSlotList', ['uint8_t', 'void *', handleInOut])
  const C_GetTokenInfo = call('C_GetTokenInfo', ['ulong', 'void *'])
  const C_InitToken = call('C_InitToken', ['ulong', 'void *', 'ulong', 'void *'])
  const C_OpenSession = call('C_OpenSession', ['ulong', 'ulong', 'void *', 'void *', handleOut])
  const C_CloseSession = call('C_CloseSession', ['ulong'])
  const C_Login = call('C_Login', ['ulong', 'ulong', 'void *', 'ulong'])
  const C_Logout = call('C_Logout', ['ulong'])
  const C_InitPIN = call('C_InitPIN', ['ulong', 'void *', 'ulong'])
  const C_GenerateKey = call('C_GenerateKey', ['ulong', how, ...template, handleOut])
  const C_GenerateKeyPair = call('C_GenerateKeyPair', ['ulong', how, ...template, ...template, handleOut, handleOut])
  const C_CreateObject = call('C_CreateObject', ['ulong', ...template, handleOut])
  const C_DestroyObject = call('C_DestroyObject', ['ulong', 'ulong'])
  const C_FindObjectsInit = call('C_FindObjectsInit', ['ulong', ...template])
  const C_FindObjects = call('C_FindObjects', ['ulong', 'void *', 'ulong', handleInOut])
  const C_FindObjectsFinal = call('C_FindObjectsFinal', ['ulong'])
  const C_GetAttributeValue = call('C_GetAttributeValue', ['ulong', 'ulong', 'void *', 'ulong'])
  const C_WrapKey = call('C_WrapKey', ['ulong', how, 'ulong', 'ulong', 'void *', handleInOut])
  const C_UnwrapKey = call('C_UnwrapKey', ['ulong', how, 'ulong', 'void *', 'ulong', ...template, handleOut])

  const made = (make: (out: [number]) => void): number => {
    const out: [number] = [0]
    make(out)
    return Number(out[0])
  }

  return {
    start: () =>
      C_Initialize({
        CreateMutex: null,
        DestroyMutex: null,
        LockMutex: null,
        UnlockMutex: null,
        flags: osLockingOk,
        pReserved: null,
      }),
    stop: () => C_Finalize(null),
    firstSlot(): number {
      const slots = Buffer.alloc(8 * 16)
      C_GetSlotList(0, slots, [16])
      return Number(slots.readBigUInt64LE())
    },
    initialize: (slot: number, officerPin: string, label: string) =>
      C_InitToken(
        slot,
        Buffer.from(officerPin),
        officerPin.length,
        Buffer.alloc(32, ' ').fill(label, 0, Buffer.byteLength(label)),
      ),
    /** The slot of the token of this label. @throws Error when there is none */
    slotOf(label: string): number {
      const slots = Buffer.alloc(8 * 16)
      const count = [16]
      C_GetSlotList(1, slots, count)
      const info = Buffer.alloc(256)
      for (let at = 0; at < Number(count[0]); at++) {
        const slot = Number(slots.readBigUInt64LE(8 * at))
        C_GetTokenInfo(slot, info)
        if (info.subarray(0, 32).toString().trimEnd() === label) return slot
      }
      throw new Error(`There is no token labelled ${label}.`)
    },
    open: (slot: number) =>
      made((out) => C_OpenSession(slot, sessionFlag.serial | sessionFlag.readWrite, null, null, out)),
    /** What was made in it, and not to stay, is no more. */
    close: (session: number) => C_CloseSession(session),
    login: (session: number, user: number, pin: string) => C_Login(session, user, Buffer.from(pin), pin.length),
    logout: (session: number) => C_Logout(session),
    setUserPin: (session: number, pin: string) => C_InitPIN(session, Buffer.from(pin), pin.length),
    generate: (session: number, number: number, attributes: readonly Attribute[]) =>
      made((out) => C_GenerateKey(session, plain(number), attributes, attributes.length, out)),
    /** @param label of a pair that stays in the token, until it has received what it was made for */
    generateKeyPair(session: number, label?: string): { publicKey: number; privateKey: number } {
      const place = [flag(attribute.token, label !== undefined), ...(label === undefined ? [] : named(label))]
      const forPublic = [
        ...place,
        flag(attribute.wrap, true),
        number(attribute.modulusBits, transferKeyBits),
        bytes(attribute.publicExponent, Buffer.of(1, 0, 1)),
      ]
      const forPrivate = [
        ...place,
        flag(attribute.private, true),
        ...sensitiveForEver,
        flag(attribute.unwrap, true),
        // Whoever has the PIN and what was sent cannot receive it in another form than it was sent for.
        nested(attribute.unwrapTemplate, sensitiveForEver),
      ]
      let privateKey = 0
      const publicKey = made((first) => {
        privateKey = made((second) =>
          C_GenerateKeyPair(
            session,
            plain(mechanism.rsaKeyPairGeneration),
            forPublic,
            forPublic.length,
            forPrivate,
            forPrivate.length,
            first,
            second,
          ),
        )
      })
      return { publicKey, privateKey }
    },
    create: (session: number, attributes: readonly Attribute[]) =>
      made((out) => C_CreateObject(session, attributes, attributes.length, out)),
    find(session: number, attributes: readonly Attribute[]): readonly number[] {
      C_FindObjectsInit(session, attributes, attributes.length)
      const room = Buffer.alloc(8 * 64)
      const count = [0]
      C_FindObjects(session, room, 64, count)
      C_FindObjectsFinal(session)
      return Array.from({ length: Number(count[0]) }, (_, at) => Number(room.readBigUInt64LE(8 * at)))
    },
    read(session: number, object: number, type: number): Buffer {
      const room = Buffer.alloc(1024)
      const memory: unknown = koffi.alloc(CK_ATTRIBUTE, 1)
      koffi.encode(memory, CK_ATTRIBUTE, { type, pValue: room, ulValueLen: room.length })
      C_GetAttributeValue(session, object, memory, 1)
      return room.subarray(0, Number(koffi.decode(memory, CK_ATTRIBUTE).ulValueLen))
    },
    destroy: (session: number, object: number) => C_DestroyObject(session, object),
    wrapTo(session: number, publicKey: number, key: number): Uint8Array {
      const room = Buffer.alloc(1024)
      const length = [room.length]
      C_WrapKey(session, oaepSha1(), publicKey, key, room, length)
      return new Uint8Array(room.subarray(0, Number(length[0])))
    },
    unwrap: (session: number, privateKey: number, wrapped: Uint8Array, attributes: readonly Attribute[]) =>
      made((out) =>
        C_UnwrapKey(
          session,
          oaepSha1(),
          privateKey,
          Buffer.from(wrapped),
          wrapped.length,
          attributes,
          attributes.length,
          out,
        ),
      ),
  }
}

/** What says on the command line which token is meant. */
export const placeOptions = {
  module: { type: 'string' },
  directory: { type: 'string' },
  label: { type: 'string' },
} as const

/** The token that is meant: what is left out is as configured. @throws Error when there is no module */
export function placeOf(values: { readonly [K in keyof typeof placeOptions]?: string | undefined }): TokenPlace {
  const config = readConfig(process.env)
  const module = values.module ?? hsmModuleOf(config)
  if (module === undefined) throw new Error('There is no PKCS#11 module: set KEYSTEAD_HSM_MODULE, or install SoftHSM.')
  if (!existsSync(module)) throw new Error(`There is no PKCS#11 module ${module}.`)
  return {
    module,
    directory: values.directory ?? dirname(config.KEYSTEAD_HSM_TOKEN_DIRECTORY),
    tokenLabel: values.label ?? config.KEYSTEAD_HSM_TOKEN_LABEL,
  }
}

/** A token that stands already, as the service is configured to use it. */
async function fillStanding(config: Config, place: TokenPlace, escrow: KeyObject | undefined): Promise<void> {
  const { fillToken } = await import('./provision/standing.ts')
  const { module, tokenLabel, directory } = place
  const options = { ...(await hsmOptions(config)), module, tokenLabel, directory }
  const made = await fillToken(options, escrow)
  console.log(`${made ? 'Provisioned' : 'Already provisioned'}: token ${tokenLabel} of ${module}`)
  if (escrow && made) sayEscrow(join(directory, 'escrow.json'))
}

function sayEscrow(file: string): void {
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex')
  console.log(`Escrow: ${file}, SHA-256 ${digest}. Keep copies elsewhere (docs/recovery.md).`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { ...placeOptions, escrow: { type: 'string' } } })
  const config = readConfig(process.env)
  const place = placeOf(values)
  const escrow = values.escrow === undefined ? undefined : readFileSync(values.escrow, 'utf8')
  if (config.KEYSTEAD_HSM_PROFILE !== 'softhsm')
    return fillStanding(config, place, escrow === undefined ? undefined : escrowKey(escrow))
  const { made, tokenDirectory, pinFile, escrowFile } = provision({ ...place, ...(escrow !== undefined && { escrow }) })
  console.log(`${made ? 'Provisioned' : 'Already provisioned'}: ${tokenDirectory}, PIN in ${pinFile}`)
  if (escrowFile) sayEscrow(escrowFile)
}

/** Runs a command that says in one line what is wrong. */
export async function runCommand(command: () => void | Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

// Not awaited: what it imports waits for this file.
if (import.meta.main) void runCommand(main)

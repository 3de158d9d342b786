/**
 * An escrow key whose private half nobody has: it is encrypted under a random key, and that key is split, so that any
 * `threshold` of its shares give it and fewer give nothing (docs/recovery.md). Each share is locked to its custodian.
 * A share that is corrupted, forged or of another ceremony is refused by name, before anything is combined.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  scryptSync,
} from 'node:crypto'
import { combine, split } from 'shamir-secret-sharing'
import { concat, equal, utf8 } from '../../lib/bytes.ts'
import { list, optional, record, text, whole } from '../../lib/store/fields.ts'

/** What all shares of a ceremony say alike; `shares` in the order of their index, which begins at 1. */
interface Ceremony {
  readonly version: 1
  readonly createdAt: string
  readonly threshold: number
  /** PEM of the escrow key. */
  readonly publicKey: string
  /** Its private half, as PKCS #8, encrypted under what was split. */
  readonly privateKey: string
  readonly shares: readonly { readonly custodian: string; readonly digest: string }[]
}

/** A share as its custodian keeps it. It is no secret without the passphrase or private key that opens it. */
export interface Share {
  readonly ceremony: Ceremony
  readonly index: number
  /** Of the custodian's passphrase. */
  readonly salt?: string
  /** The key that locks the share, encrypted to the custodian's own public key. */
  readonly lock?: string
  readonly locked: string
  /** Of all the rest: tells a file that was damaged from a passphrase that is wrong. */
  readonly checksum: string
}

/** What a custodian locks the share with: a passphrase, or an RSA public key. */
export interface Custodian {
  readonly name: string
  readonly with: Uint8Array | KeyObject
}

/** A share, and what it was read from, for whoever is told of a fault. */
export interface GivenShare {
  readonly share: Share
  readonly from: string
  /** The passphrase, or the PEM of the private key. */
  readonly secret: Uint8Array
}

const one = { encode: (value: 1) => value, decode: (stored: unknown) => (stored === 1 ? stored : undefined) } as const
const shareFields = record<Share>({
  ceremony: record<Ceremony>({
    version: one,
    createdAt: text,
    threshold: whole,
    publicKey: text,
    privateKey: text,
    shares: list(record<Ceremony['shares'][number]>({ custodian: text, digest: text })),
  }),
  index: whole,
  salt: optional(text),
  lock: optional(text),
  locked: text,
  checksum: text,
})

const escrowKeyBits = 4096
const leastCustodianBits = 3072
const leastPassphraseBytes = 12
const mostShares = 255
/** 128 MiB, and about half a second, for each guess. */
const scryptCost = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 }
const custodianName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const sha256 = (...parts: readonly Uint8Array[]) =>
  createHash('sha256')
    .update(concat(...parts))
    .digest()
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const unbase64 = (text: string): Buffer => Buffer.from(text, 'base64')
const ivBytes = 12
const tagBytes = 16

function seal(key: Uint8Array, context: Uint8Array, plaintext: Uint8Array): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(context)
  return base64(concat(iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()))
}

/** @returns undefined when it was not sealed so */
function unseal(key: Uint8Array, context: Uint8Array, sealed: string): Buffer | undefined {
  const bytes = unbase64(sealed)
  if (bytes.length < ivBytes + tagBytes) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(context).setAuthTag(bytes.subarray(-tagBytes))
  const opened = decipher.update(bytes.subarray(ivBytes, -tagBytes))
  try {
    decipher.final()
    return opened
  } catch {
    opened.fill(0)
    return undefined
  }
}

/** The name of a ceremony: a digest of everything that its shares agree on. */
export const ceremonyId = ({ ceremony }: Share): string => sha256(utf8(JSON.stringify(ceremony))).toString('hex')

const checksumOf = ({ checksum: _, ...rest }: Share): string => sha256(utf8(JSON.stringify(rest))).toString('hex')
const shareContext = (id: string, index: number): Uint8Array => utf8(`share ${index} of ${id}`)
const privateKeyContext = (publicKey: string): Uint8Array => utf8(`private half of ${publicKey}`)
const oaep = (key: KeyObject) => ({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' })
const passphraseKey = (passphrase: Uint8Array, salt: string): Buffer =>
  scryptSync(passphrase, unbase64(salt), 32, scryptCost)

/** The digest by which a share is known when it is opened; its key is random, so the digest tells nothing of it. */
const digestOf = (publicKey: string, share: Uint8Array): string => sha256(utf8(publicKey), share).toString('hex')

function demandCustodians(custodians: readonly Custodian[], threshold: number): void {
  if (
    !Number.isInteger(threshold) ||
    threshold < 2 ||
    threshold > custodians.length ||
    custodians.length > mostShares
  ) {
    throw new Error(`The threshold must be at least 2 and at most the number of custodians, ${mostShares} at most.`)
  }
  const names = custodians.map(({ name }) => name)
  if (!names.every((name) => custodianName.test(name)) || new Set(names).size < names.length) {
    throw new Error('Custodians need different names, of letters, digits, dots, dashes and underscores.')
  }
  for (const { name, with: own } of custodians) {
    if (own instanceof Uint8Array) {
      if (own.length < leastPassphraseBytes) {
        throw new Error(`The passphrase of ${name} must have ${leastPassphraseBytes} bytes or more.`)
      }
    } else if (own.asymmetricKeyType !== 'rsa' || (own.asymmetricKeyDetails?.modulusLength ?? 0) < leastCustodianBits) {
      throw new Error(`The key of ${name} must be an RSA public key of ${leastCustodianBits} bits or more.`)
    }
  }
}

/** Makes an escrow key, and a share of its private half for each custodian; the private half is then forgotten. */
export async function createShares(
  custodians: readonly Custodian[],
  threshold: number,
  now: Date,
): Promise<readonly Share[]> {
  demandCustodians(custodians, threshold)
  const pair = generateKeyPairSync('rsa', { modulusLength: escrowKeyBits })
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'der' })
  // A plain Uint8Array with memory of its own: the library takes nothing else.
  const secret = new Uint8Array(randomBytes(32))
  const parts = await split(secret, custodians.length, threshold)
  const again = await combine(parts.slice(-threshold))
  try {
    // INVARIANT: what cannot be restored is not handed out.
    if (!equal(again, secret)) throw new Error('The shares do not give what was split.')
    const ceremony: Ceremony = {
      version: 1,
      createdAt: now.toISOString(),
      threshold,
      publicKey,
      privateKey: seal(secret, privateKeyContext(publicKey), privateKey),
      shares: custodians.map(({ name }, at) => ({
        custodian: name,
        digest: digestOf(publicKey, parts[at] ?? new Uint8Array()),
      })),
    }
    return custodians.map((custodian, at) => lockShare(ceremony, at + 1, parts[at] ?? new Uint8Array(), custodian))
  } finally {
    for (const bytes of [privateKey, secret, again, ...parts]) bytes.fill(0)
  }
}

function lockShare(ceremony: Ceremony, index: number, part: Uint8Array, { with: own }: Custodian): Share {
  const salt = base64(randomBytes(16))
  const byPassphrase = own instanceof Uint8Array
  const key = byPassphrase ? passphraseKey(own, salt) : randomBytes(32)
  const opener = byPassphrase ? { salt } : { lock: base64(publicEncrypt(oaep(own), key)) }
  const share: Share = { ceremony, index, ...opener, locked: '', checksum: '' }
  const locked = seal(key, shareContext(ceremonyId(share), index), part)
  key.fill(0)
  return { ...share, locked, checksum: checksumOf({ ...share, locked }) }
}

/** @throws Error that names the file when it holds no share, or a damaged one */
export function parseShare(content: string, from: string): Share {
  let json: unknown
  try {
    json = JSON.parse(content)
  } catch {
    throw new Error(`${from} is corrupted: it is not JSON.`)
  }
  const share = shareFields.decode(json)
  const { threshold = 0, shares = [] } = share?.ceremony ?? {}
  if (!share || threshold < 2 || threshold > shares.length || !shares[share.index - 1]) {
    throw new Error(`${from} is corrupted, or no share of an escrow key.`)
  }
  if (checksumOf(share) !== share.checksum)
    throw new Error(`${from}, the share of ${custodianOf(share)}, is corrupted.`)
  return share
}

export const custodianOf = ({ ceremony, index }: Share): string => ceremony.shares[index - 1]?.custodian ?? ''

/** Whether a passphrase opens it; otherwise the custodian's private key does. */
export const isByPassphrase = ({ salt }: Share): boolean => salt !== undefined

function keyOfShare({ salt, lock }: Share, secret: Uint8Array): Buffer | undefined {
  if (salt !== undefined) return passphraseKey(secret, salt)
  try {
    return privateDecrypt(oaep(createPrivateKey(Buffer.from(secret))), unbase64(lock ?? ''))
  } catch {
    return undefined
  }
}

/** @throws Error that names the share when it does not open, or is not what the ceremony gave */
export function openShare({ share, from, secret }: GivenShare): Buffer {
  const key = keyOfShare(share, secret)
  const part = key?.length === 32 ? unseal(key, shareContext(ceremonyId(share), share.index), share.locked) : undefined
  key?.fill(0)
  const whose = `${from}, the share of ${custodianOf(share)},`
  if (!part) {
    throw new Error(`${whose} does not open: the ${isByPassphrase(share) ? 'passphrase' : 'private key'} is wrong.`)
  }
  const { publicKey, shares } = share.ceremony
  if (!equal(utf8(digestOf(publicKey, part)), utf8(shares[share.index - 1]?.digest ?? ''))) {
    part.fill(0)
    throw new Error(`${whose} is not what the ceremony gave to this custodian.`)
  }
  return part
}

/** @throws Error when shares are too few, of different ceremonies or the same custodian's */
function demandTogether(given: readonly GivenShare[]): Ceremony {
  const [first] = given
  if (!first) throw new Error('No share was given.')
  const strange = given.find(({ share }) => ceremonyId(share) !== ceremonyId(first.share))
  if (strange) throw new Error(`${strange.from} and ${first.from} are of different ceremonies.`)
  const { ceremony } = first.share
  const indexes = given.map(({ share }) => share.index)
  const twice = given.find(({ share }, at) => indexes.indexOf(share.index) !== at)
  if (twice) throw new Error(`${twice.from} is a share of ${custodianOf(twice.share)}, which was given already.`)
  if (given.length < ceremony.threshold) {
    throw new Error(`${given.length} of the ${ceremony.threshold} shares that are needed were given.`)
  }
  return ceremony
}

/**
 * Combines shares, and lends the private half of the escrow key.
 * @throws Error naming the share that is at fault; nothing is combined then
 */
export async function withEscrowKey<T>(given: readonly GivenShare[], use: (key: KeyObject) => T): Promise<T> {
  const { publicKey, privateKey } = demandTogether(given)
  const parts: Uint8Array[] = []
  let secret = new Uint8Array()
  let opened: Buffer | undefined
  try {
    for (const each of given) {
      const part = openShare(each)
      parts.push(new Uint8Array(part))
      part.fill(0)
    }
    secret = new Uint8Array(await combine(parts))
    opened = unseal(secret, privateKeyContext(publicKey), privateKey)
    if (!opened) throw new Error('The shares do not give the private half of the escrow key.')
    const key = createPrivateKey({ key: opened, format: 'der', type: 'pkcs8' })
    if (!createPublicKey(key).equals(createPublicKey(publicKey))) {
      throw new Error('The shares give the private half of another key than they say.')
    }
    return use(key)
  } finally {
    for (const bytes of [secret, ...parts, ...(opened ? [opened] : [])]) bytes.fill(0)
  }
}

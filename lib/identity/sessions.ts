import { createCipheriv, createDecipheriv } from 'node:crypto'
import { concat, utf8 } from '../bytes.ts'
import { KMSInternalException } from '../errors.ts'
import { type AccessKeys, Conflict, type Hsm } from '../ports.ts'
import type { AccessKey } from './caller.ts'
import { longestSessionMs, maxTokenChars, packed, type Session, unpacked } from './session.ts'
import { ownerOfSecret } from './signing-keys.ts'

const version = 'v1'
const dayMs = 86_400_000
const ivBytes = 12
const tagBytes = 16

/** It stands among the access keys, and no client can name it: theirs have no hyphen. */
const sealingKeyId = 'session-sealing'

/**
 * Session tokens: `v1.<day>.<base64url of IV, ciphertext and tag>`, AES-256-GCM under the key of the day on which they
 * were issued; what is before the last dot and the access key id are the additional data. The HSM makes each day's key
 * from a secret that the store has wrapped, so every process of a deployment makes the same one, once a day; a token is
 * opened without the store and the HSM. With random IVs a day's key is good for 2^32 tokens.
 */
export class Sessions {
  readonly #hsm: Hsm
  readonly #accessKeys: AccessKeys
  readonly #account: string
  readonly #keys = new Map<number, Promise<Uint8Array>>()

  constructor(hsm: Hsm, accessKeys: AccessKeys, account: string) {
    this.#hsm = hsm
    this.#accessKeys = accessKeys
    this.#account = account
  }

  /** @returns the session token */
  async seal(session: Session): Promise<string> {
    const day = Math.floor(session.issuedAt / dayMs)
    const key = await this.#keyOf(day, true)
    const iv = await this.#hsm.random(ivBytes)
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bindingOf(day, session.accessKeyId))
    const sealed = concat(iv, cipher.update(packed(session)), cipher.final(), cipher.getAuthTag())
    return `${version}.${day}.${Buffer.from(sealed).toString('base64url')}`
  }

  /**
   * What a token says, though it may have expired.
   * @returns undefined for what is no token of this access key, or is older than any session
   */
  async open(token: string, accessKeyId: string, now: number): Promise<Session | undefined> {
    if (token.length > maxTokenChars) return
    const [, dayText = '', body = ''] = /^v1\.(\d{1,6})\.([\w-]+)$/.exec(token) ?? []
    const day = Number(dayText)
    const isKept = (day + 1) * dayMs + longestSessionMs > now && day * dayMs <= now + dayMs
    if (body === '' || !isKept) return
    const key = await this.#keyOf(day, false)
    const sealed = Buffer.from(body, 'base64url')
    if (!key || sealed.length <= ivBytes + tagBytes) return
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes })
    decipher.setAAD(bindingOf(day, accessKeyId)).setAuthTag(sealed.subarray(-tagBytes))
    const opened = decipher.update(sealed.subarray(ivBytes, -tagBytes))
    try {
      decipher.final()
    } catch {
      return
    }
    return unpacked(opened)
  }

  #keyOf(day: number, create: true): Promise<Uint8Array>
  #keyOf(day: number, create: boolean): Promise<Uint8Array | undefined>
  async #keyOf(day: number, create: boolean): Promise<Uint8Array | undefined> {
    const known = this.#keys.get(day)
    if (known) return known
    const sealing = (await this.#accessKeys.find(sealingKeyId)) ?? (create ? await this.#newSealingKey() : undefined)
    if (!sealing) return
    const making = this.#hsm.mac(
      ownerOfSecret(sealing),
      sealing.wrapped,
      utf8(`session tokens ${version} of day ${day}`),
    )
    this.#keys.set(day, making)
    making.catch(() => this.#keys.delete(day))
    // Four days at most are ever asked for at a time.
    for (const each of this.#keys.keys()) if (each < day - 3) this.#keys.delete(each)
    return making
  }

  async #newSealingKey(): Promise<AccessKey> {
    const secret = await this.#hsm.random(32)
    const owner = { account: this.#account, id: sealingKeyId }
    try {
      const wrapped = await this.#hsm.wrapSecret(ownerOfSecret(owner), secret)
      const key: AccessKey = { ...owner, createdAt: 0, wrapped }
      await this.#accessKeys.create(key)
      return key
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
    } finally {
      secret.fill(0)
    }
    // Another process was first.
    const theirs = await this.#accessKeys.find(sealingKeyId, { fresh: true })
    // INVARIANT: nobody removes it.
    if (!theirs) throw new KMSInternalException()
    return theirs
  }
}

const bindingOf = (day: number, accessKeyId: string): Uint8Array => utf8(`${version}.${day}\0${accessKeyId}`)

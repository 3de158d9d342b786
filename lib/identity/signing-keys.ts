import { createHmac, type KeyObject } from 'node:crypto'
import { utf8 } from '../bytes.ts'
import type { Hsm } from '../ports.ts'
import type { AccessKey } from './caller.ts'
import type { Session } from './session.ts'
import { deriveSigningKey } from './sigv4.ts'

/** An access key as far as signing with it goes. */
type LongLived = Pick<AccessKey, 'id' | 'account' | 'createdAt' | 'wrapped'>
/** Its secret was in the session's token, which this process has opened. */
type Temporary = Pick<Session, 'accessKeyId' | 'issuedAt' | 'secret'>
export type Signer = LongLived | Temporary

interface Scope {
  readonly date8: string
  readonly region: string
  readonly service: string
}

const atMost = 10_000

/**
 * The day's SigV4 signing keys. The HSM makes the day's first key from the wrapped secret; what is derived from it is
 * kept until other access keys push it out. So a warm request costs no HSM call, and the secret itself is never here.
 */
export class SigningKeys {
  readonly #hsm: Hsm
  readonly #made = new Map<string, KeyObject>()
  readonly #decoy: Uint8Array

  /**
   * @param decoy 32 random bytes that stand in for the secret of an access key that does not exist: same work, same
   *   path, another answer
   */
  constructor(hsm: Hsm, decoy: Uint8Array) {
    this.#hsm = hsm
    this.#decoy = decoy
  }

  /** @param accessKey undefined for one that is unknown or inactive */
  async of(accessKey: Signer | undefined, scope: Scope): Promise<KeyObject> {
    const name = `${accessKey ? nameOf(accessKey) : ''}/${scope.date8}/${scope.region}/${scope.service}`
    const known = this.#made.get(name)
    if (known) return known
    const dateKey = accessKey ? await this.#dateKey(accessKey, scope.date8) : this.#decoyDateKey(scope.date8)
    const made = deriveSigningKey(dateKey, scope.region, scope.service)
    const oldest = this.#made.size >= atMost ? this.#made.keys().next().value : undefined
    if (oldest !== undefined) this.#made.delete(oldest)
    this.#made.set(name, made)
    return made
  }

  async #dateKey(accessKey: Signer, date8: string): Promise<Uint8Array> {
    if ('secret' in accessKey) return createHmac('sha256', `AWS4${accessKey.secret}`).update(date8).digest()
    return this.#hsm.mac(ownerOfSecret(accessKey), accessKey.wrapped, utf8(date8))
  }

  #decoyDateKey(date8: string): Uint8Array {
    return createHmac('sha256', this.#decoy).update(date8).digest()
  }
}

const nameOf = (signer: Signer): string =>
  'secret' in signer ? `${signer.accessKeyId}/session/${signer.issuedAt}` : `${signer.id}/${signer.createdAt}`

/** What an access key's wrapped secret is bound to. */
export const ownerOfSecret = (accessKey: Pick<AccessKey, 'account' | 'id'>) =>
  ({ purpose: 'access-key', account: accessKey.account, id: accessKey.id, materialId: '', spec: 'HMAC_256' }) as const

import { createHmac } from 'node:crypto'
import { concat, equal, fromHex, hex, textOf, utf8 } from '../bytes.ts'
import { InvalidGrantTokenException } from '../errors.ts'
import type { Hsm } from '../ports.ts'
import type { Grant } from './grant.ts'

/** The grant that a token names. */
export type GrantReference = Pick<Grant, 'keyId' | 'id'>

const version = 1
const idBytes = 32
const nonceBytes = 16
const macBytes = 32
const fixedBytes = 1 + idBytes + nonceBytes + macBytes
const longestKeyId = 64

/**
 * Grant tokens: version, grant id, nonce, key id, MAC; base64url. A token carries no right: it says which grant is to
 * be looked for, on a process that has not heard of it yet, and its MAC that we said so. The key of the MAC comes from
 * the HSM once a process, the same in each, so that neither making nor reading a token costs a call of the HSM.
 */
export class GrantTokens {
  readonly #hsm: Pick<Hsm, 'deriveKey'>
  #key: Promise<Uint8Array> | undefined

  constructor(hsm: Pick<Hsm, 'deriveKey'>) {
    this.#hsm = hsm
  }

  /** @param nonce 32 hex digits; one of its own for each token */
  async issue({ keyId, id }: GrantReference, nonce: string): Promise<string> {
    const body = concat(Uint8Array.of(version), fromHex(id), fromHex(nonce), utf8(keyId))
    return Buffer.from(concat(body, await this.#macOf(body))).toString('base64url')
  }

  /** @throws InvalidGrantTokenException (no message) for what is no token of ours, whatever is wrong with it */
  async read(token: string): Promise<GrantReference> {
    const bytes = new Uint8Array(Buffer.from(token, 'base64url'))
    const keyIdBytes = bytes.length - fixedBytes
    // Buffer takes more than one text for the same bytes; a token is the one that was issued.
    const isOurs = keyIdBytes > 0 && keyIdBytes <= longestKeyId && Buffer.from(bytes).toString('base64url') === token
    if (!isOurs || bytes[0] !== version) throw new InvalidGrantTokenException()
    const body = bytes.subarray(0, -macBytes)
    if (!equal(await this.#macOf(body), bytes.subarray(-macBytes))) throw new InvalidGrantTokenException()
    const id = hex(body.subarray(1, 1 + idBytes))
    return { id, keyId: textOf(body.subarray(1 + idBytes + nonceBytes)) }
  }

  async #macOf(body: Uint8Array): Promise<Uint8Array> {
    this.#key ??= this.#hsm.deriveKey('grant-token').catch((error: unknown) => {
      this.#key = undefined
      throw error
    })
    return new Uint8Array(
      createHmac('sha256', await this.#key)
        .update(body)
        .digest(),
    )
  }
}

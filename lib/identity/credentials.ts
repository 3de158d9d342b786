/** Temporary credentials in the making. */
import { PackedPolicyTooLarge } from '../errors.ts'
import type { Hsm } from '../ports.ts'
import { accessKeyId } from './ids.ts'
import { maxPackedBytes, packed, type Session } from './session.ts'
import type { Sessions } from './sessions.ts'

export interface Issued {
  readonly packedPercent: number
  readonly Credentials: {
    readonly AccessKeyId: string
    readonly SecretAccessKey: string
    readonly SessionToken: string
    readonly Expiration: number
  }
}

/** How much of the space for policies and tags a session takes, in percent. @throws PackedPolicyTooLarge */
function packedSize(session: Session): number {
  const percent = Math.ceil((packed(session).length * 100) / maxPackedBytes)
  if (percent > 100) {
    throw new PackedPolicyTooLarge(`Packed size of session tags and policies consumes ${percent}% of allotted space.`)
  }
  return percent
}

/**
 * Credentials that nothing is stored of: the token holds all, sealed.
 * @throws PackedPolicyTooLarge
 */
export async function issueCredentials(
  asked: Omit<Session, 'accessKeyId' | 'secret' | 'expiresAt'> & { readonly seconds: number },
  at: { readonly hsm: Hsm; readonly sessions: Sessions },
): Promise<Issued> {
  const { seconds, ...rest } = asked
  const random = await at.hsm.random(35)
  // Whole seconds, as policies and clients have them.
  const issuedAt = Math.floor(asked.issuedAt / 1000) * 1000
  const session: Session = {
    ...rest,
    accessKeyId: accessKeyId('ASIA', asked.account, random.subarray(30)),
    secret: Buffer.from(random.subarray(0, 30)).toString('base64'),
    issuedAt,
    expiresAt: issuedAt + seconds * 1000,
  }
  const packedPercent = packedSize(session)
  const SessionToken = await at.sessions.seal(session)
  random.fill(0)
  const { accessKeyId: AccessKeyId, secret: SecretAccessKey, expiresAt: Expiration } = session
  return { packedPercent, Credentials: { AccessKeyId, SecretAccessKey, SessionToken, Expiration } }
}

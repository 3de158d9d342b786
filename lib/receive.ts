/**
 * What Regions say to each other about multi-Region keys: authenticated by what only tokens of one domain can make, put
 * on record, and then done. Beside the procedure of the operations, as no principal may ever ask for it.
 */
import { AuditEntry } from './audit/entry.ts'
import { serviceRecord } from './audit/service-event.ts'
import {
  DependencyTimeoutException,
  InvalidSignatureException,
  RequestEntityTooLargeException,
  UnrecognizedClientException,
} from './errors.ts'
import { asKmsError, replyOf } from './failures.ts'
import { peerAccessKeyId, peerService, peerSigningKey } from './identity/peer-signature.ts'
import { readSignature, signatureMatches } from './identity/sigv4.ts'
import { arnIn, regionOf } from './keys/regions.ts'
import type { Request } from './operation.ts'
import { maxBodyBytes, type World } from './perform.ts'
import { Conflict, type Keys } from './ports.ts'
import type { Letter, Letters } from './regions/peers.ts'
import { demandSound, receive } from './regions/reception.ts'

export interface PeerWorld extends World {
  /** The store's own keys, whose changes nobody is told of. */
  readonly ownKeys: Keys
  readonly letters: Letters
}

export interface PeerReply {
  readonly status: number
  readonly body: Uint8Array
}

/** What a letter is on record as. */
export const letterEvents = {
  create: 'CreateKey',
  tell: 'SynchronizeMultiRegionKey',
  leave: 'SynchronizeMultiRegionKey',
} as const satisfies Record<Letter['kind'], string>

const maxTries = 10

/** Never rejects: every failure is a reply, and on record. */
export async function receiveLetter(request: Request, world: PeerWorld): Promise<PeerReply> {
  try {
    const letter = await authentic(request, world)
    await demandSound(letter, world, world.hsm)
    const { kind, key } = letter
    const event = { eventName: letterEvents[kind], key: { arn: arnIn(key, world.region), account: key.account } }
    const details = { kind, from: kind === 'create' ? key.multiRegion?.primary : regionOf(key) }
    await world.audit.write(serviceRecord({ ...event, details }, circumstances(world)))
    return { status: 200, body: world.letters.writeAnswer(await received(letter, world)) }
  } catch (thrown) {
    return refused(thrown, request, world)
  }
}

const circumstances = ({ uuid, region, now }: PeerWorld) => ({ eventId: uuid(), region, at: now() })

/** @throws as authentication does; SerializationException for what is no letter */
async function authentic(request: Request, world: PeerWorld): Promise<Letter> {
  if (request.body.length > maxBodyBytes) throw new RequestEntityTooLargeException()
  const { region } = world
  const signature = readSignature(request, { service: peerService, region, now: world.now() })
  const key = await peerSigningKey(world.hsm, signature.date8, region)
  const matches = signatureMatches(signature, key)
  if (signature.accessKeyId !== peerAccessKeyId) {
    throw new UnrecognizedClientException('The security token included in the request is invalid.')
  }
  if (!matches) throw new InvalidSignatureException('The request was not signed by a Region of this domain.')
  return world.letters.read(request.body)
}

async function received(letter: Letter, world: PeerWorld) {
  for (let tries = 1; ; tries++) {
    try {
      return await receive(letter, world, world.now())
    } catch (thrown) {
      if (!(thrown instanceof Conflict)) throw thrown
      if (tries === maxTries) throw new DependencyTimeoutException('The key is being changed by others. Try again.')
    }
  }
}

async function refused(thrown: unknown, request: Request, world: PeerWorld): Promise<PeerReply> {
  const error = asKmsError(thrown, request, world)
  const { region, account } = world
  const entry = new AuditEntry({
    requestId: request.id,
    eventId: world.uuid(),
    eventName: 'SynchronizeMultiRegionKey',
    eventSource: 'kms.amazonaws.com',
    readOnly: false,
    region,
    account,
    sourceIp: request.sourceIp,
    userAgent: request.headers['user-agent'] ?? '',
    at: world.now(),
  })
  let reply = replyOf(error)
  try {
    await world.audit.write(entry.failed(error))
  } catch (unwritten) {
    reply = replyOf(asKmsError(unwritten, request, world))
  }
  return { status: reply.status, body: Buffer.from(JSON.stringify(reply.json)) }
}

/** How Regions know each other: SigV4, with a signing key that only the tokens of their domain can make. */
import type { KeyObject } from 'node:crypto'
import { utf8 } from '../bytes.ts'
import type { Hsm } from '../ports.ts'
import { deriveSigningKey } from './sigv4.ts'

/** The name in the place of an access key's: there is one key for all, and no record of it. */
export const peerAccessKeyId = 'KEYSTEADPEER'
export const peerService = 'keystead-peer'
export const peerPath = '/peers'

/**
 * @param region whom the request is for
 * @throws UnsupportedOperationException when the token has no domain root
 */
export const peerSigningKey = async (
  hsm: Pick<Hsm, 'macForPeers'>,
  date8: string,
  region: string,
): Promise<KeyObject> => deriveSigningKey(await hsm.macForPeers(utf8(date8)), region, peerService)

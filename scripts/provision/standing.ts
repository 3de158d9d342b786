/**
 * Gives a token that stands the keys of a deployment. Its vendor's tool has initialised it: that differs from vendor to
 * vendor, and asks for cards, cables or a security officer.
 */
import type { KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attribute, objectClass } from '../../lib/hsm/constants.ts'
import { type HsmOptions, openHsm } from '../../lib/hsm/hsm.ts'
import { openLibrary } from '../../lib/hsm/library.ts'
import { chooseProfile, type ProfileName } from '../../lib/hsm/profiles.ts'
import { isKeyOfOurs, parseRootName } from '../../lib/hsm/roots.ts'
import { Session } from '../../lib/hsm/session.ts'
import {
  bytes,
  escrowOf,
  escrowText,
  fingerprint,
  flush,
  newDomainKeys,
  number,
  regionalKeys,
  sessionBeside,
  settleKeys,
  type Token,
} from '../provision.ts'

export interface StandingToken extends Omit<HsmOptions, 'now' | 'profile'> {
  readonly profile: ProfileName
  /** Where `escrow.json` goes. */
  readonly directory: string
}

const secretKeysOf = (token: Token, session: number): readonly string[] =>
  token
    .find(session, [number(attribute.class, objectClass.secretKey), bytes(attribute.token, Buffer.of(1))])
    .map((handle) => token.read(session, handle, attribute.label).toString())

const recipientOf = (file: string): unknown =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { recipient?: unknown }).recipient : undefined

/**
 * Puts the keys in, once, and sees that the token keeps them as it was told. What the escrow key's holder needs is in its
 * file before any key is there to stay, and the regional root comes last: without it nothing was ever wrapped.
 *
 * @returns false when they are there already
 * @throws Error when they are there without this escrow, when an attempt has left some of them, when the token lacks something, or does not keep its locks
 */
export async function fillToken(place: StandingToken, escrow: KeyObject | undefined): Promise<boolean> {
  const { module, tokenLabel, pin, directory } = place
  const file = join(directory, 'escrow.json')
  const login = new Session(openLibrary(place), tokenLabel, pin)
  // What the token cannot do is said before anything is in it.
  const { keyWrap } = chooseProfile(login, place.profile)
  const { token, session, close } = sessionBeside(module, tokenLabel)
  const labels = secretKeysOf(token, session).filter(isKeyOfOurs)
  const isNew = !labels.some((label) => parseRootName(label)?.kind === 'regional')
  if (isNew && labels.length > 0) {
    const list = labels.join(', ')
    throw new Error(`The token has keys of an attempt that did not end. Nothing hangs from them: destroy ${list}.`)
  }
  if (isNew && escrow && existsSync(file)) {
    throw new Error(`${file} is the escrow of another token: put it somewhere else.`)
  }
  if (!isNew && escrow && recipientOf(file) !== fingerprint(escrow)) {
    throw new Error('The token was provisioned without this escrow key, and a root never leaves its token again.')
  }
  if (isNew) {
    const keys = [...newDomainKeys(1), ...regionalKeys.toReversed()]
    settleKeys(token, session, keys, escrow ? [escrow] : [], {
      keyWrap,
      keep(sent) {
        if (!escrow) return
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        writeFileSync(file, escrowText(escrowOf(tokenLabel, escrow, sent)), { mode: 0o600, flag: 'wx', flush: true })
        flush(directory, { deep: false })
      },
    })
  }
  close()
  login.close()
  const hsm = await openHsm({ ...place, now: Date.now })
  await hsm.check()
  hsm.close()
  return isNew
}

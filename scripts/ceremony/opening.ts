/** Escrow opened by custodians together. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Escrow } from '../provision.ts'
import { escrowIn } from './escrow.ts'
import { secretOf } from './secrets.ts'
import { custodianOf, type GivenShare, isByPassphrase, parseShare, withEscrowKey } from './shares.ts'

/** What says on the command line what is opened, and by whom. */
export const openingOptions = {
  share: { type: 'string', multiple: true },
  escrow: { type: 'string', multiple: true },
  secrets: { type: 'string' },
} as const

interface Opening {
  readonly share?: readonly string[] | undefined
  readonly escrow?: readonly string[] | undefined
  readonly secrets?: string | undefined
}

/** The shares, each with its custodian's secret, asked for in their order. */
export async function givenShares({ share: files = [], secrets }: Opening): Promise<readonly GivenShare[]> {
  const shares = files.map((file) => ({
    from: basename(file),
    share: parseShare(readFileSync(file, 'utf8'), basename(file)),
  }))
  const opened: GivenShare[] = []
  for (const { from, share } of shares) {
    if (!isByPassphrase(share) && secrets === undefined) {
      throw new Error(
        `${from} opens with a private key: give --secrets, a directory that holds it as ${custodianOf(share)}.`,
      )
    }
    opened.push({ from, share, secret: await secretOf(custodianOf(share), secrets) })
  }
  return opened
}

/** Lends the private half of the escrow key, and what is in escrow for it. */
export async function inEscrow<T>(opening: Opening, use: (escrow: Escrow, key: KeyObject) => T): Promise<T> {
  const { escrow: files = [] } = opening
  if (files.length === 0) throw new Error('Missing: --escrow.')
  const shares = await givenShares(opening)
  try {
    return await withEscrowKey(shares, (key) => {
      const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
      const held: readonly unknown[] = files.map((file) => JSON.parse(readFileSync(file, 'utf8')))
      return use(escrowIn(held, publicKey), key)
    })
  } finally {
    for (const { secret } of shares) secret.fill(0)
  }
}

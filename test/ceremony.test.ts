/** Shares of an escrow key: what any threshold of them gives, what fewer give, and which is named when one is at fault. */
import { createCipheriv, createHash, createPublicKey, generateKeyPairSync, randomBytes, scryptSync } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { utf8 } from '../lib/bytes.ts'
import {
  ceremonyId,
  createShares,
  custodianOf,
  type GivenShare,
  parseShare,
  type Share,
  withEscrowKey,
} from '../scripts/ceremony/shares.ts'

const passphrase = (name: string): Uint8Array => utf8(`correct horse of ${name}`)
const carol = generateKeyPairSync('rsa', { modulusLength: 3072 })
const carolsKey = utf8(carol.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
const custodians = [
  { name: 'alice', with: passphrase('alice') },
  { name: 'bob', with: passphrase('bob') },
  { name: 'carol', with: carol.publicKey },
]
const secrets = [passphrase('alice'), passphrase('bob'), carolsKey]
const now = new Date('2026-01-01T00:00:00Z')

let shares: readonly Share[]
let others: readonly Share[]
beforeAll(async () => {
  shares = await createShares(custodians, 2, now)
  others = await createShares(custodians, 2, now)
}, 120_000)

const given = (at: number, change: Partial<GivenShare> = {}): GivenShare => {
  const [share, secret] = [shares[at], secrets[at]]
  if (!share || !secret) throw new Error('no such share')
  return { share, from: `${custodianOf(share)}.share.json`, secret, ...change }
}
const opened = (...each: readonly GivenShare[]) =>
  withEscrowKey(each, (key) => createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString())
/** The share as whoever can write the file would have it: its checksum is right. */
function altered(at: number, change: (share: Share) => Share): Share {
  const { checksum: _, ...rest } = change(given(at).share)
  return { ...rest, checksum: createHash('sha256').update(JSON.stringify(rest)).digest('hex') }
}
const flipped = (text: string): string => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`

describe('shares of an escrow key', () => {
  it('give it by any two custodians, whatever locks their shares', async () => {
    const key = given(0).share.ceremony.publicKey
    expect(await opened(given(0), given(1))).toBe(key)
    expect(await opened(given(2), given(0))).toBe(key)
    expect(await opened(given(1), given(2))).toBe(key)
    expect(await opened(given(0), given(1), given(2))).toBe(key)
    expect(createPublicKey(key).asymmetricKeyDetails?.modulusLength).toBe(4096)
  })

  it('give nothing when they are too few, or one of them is there twice', async () => {
    await expect(opened(given(0))).rejects.toThrow('1 of the 2 shares that are needed were given.')
    await expect(opened()).rejects.toThrow('No share was given.')
    await expect(opened(given(1), given(1))).rejects.toThrow(
      'bob.share.json is a share of bob, which was given already.',
    )
  })

  it('give nothing to one custodian who writes that one is enough', async () => {
    const share = altered(0, (each) => ({ ...each, ceremony: { ...each.ceremony, threshold: 1 } }))
    expect(() => parseShare(JSON.stringify(share), 'alice.share.json')).toThrow('no share of an escrow key')
    await expect(opened(given(0, { share }))).rejects.toThrow('alice.share.json, the share of alice, does not open')
  })

  it('name whose passphrase or private key is wrong', async () => {
    const wrong = given(1, { secret: passphrase('mallory') })
    await expect(opened(given(0), wrong)).rejects.toThrow(
      'bob.share.json, the share of bob, does not open: the passphrase is wrong.',
    )
    const other = generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    })
    for (const secret of [utf8(other.toString()), utf8('no key'), new Uint8Array()]) {
      await expect(opened(given(0), given(2, { secret }))).rejects.toThrow(
        'carol.share.json, the share of carol, does not open: the private key is wrong.',
      )
    }
  })

  it('are told apart from those of another ceremony', async () => {
    const [, share] = others
    await expect(opened(given(0), given(1, share && { share }))).rejects.toThrow(
      'bob.share.json and alice.share.json are of different ceremonies.',
    )
    expect(new Set([...shares, ...others].map(ceremonyId)).size).toBe(2)
  })

  it('are refused by name when a file was damaged', () => {
    const text = JSON.stringify(given(1).share)
    for (const [damaged, message] of [
      [
        text.replace(given(1).share.locked, flipped(given(1).share.locked)),
        'bob.share.json, the share of bob, is corrupted.',
      ],
      [text.slice(0, -1), 'bob.share.json is corrupted: it is not JSON.'],
      ['{}', 'bob.share.json is corrupted, or no share of an escrow key.'],
      ['null', 'bob.share.json is corrupted, or no share of an escrow key.'],
      [text.replace('"index":2', '"index":9'), 'bob.share.json is corrupted, or no share of an escrow key.'],
      [text.replace('"index":2', '"index":2,"more":1'), 'bob.share.json is corrupted, or no share of an escrow key.'],
    ] as const) {
      expect(() => parseShare(damaged, 'bob.share.json')).toThrow(message)
    }
    expect(parseShare(text, 'bob.share.json')).toEqual(given(1).share)
  })

  it('are refused by name when a file was forged', async () => {
    const forgeries = [
      altered(1, (share) => ({ ...share, locked: flipped(share.locked) })),
      altered(1, (share) => ({ ...share, locked: '' })),
      altered(1, (share) => ({ ...share, index: 3 })),
    ]
    for (const share of forgeries) {
      expect(parseShare(JSON.stringify(share), 'bob.share.json')).toEqual(share)
      await expect(opened(given(0), given(1, { share }))).rejects.toThrow(/^bob\.share\.json, .*does not open/)
    }
  })

  it('are refused by name when a custodian has put another share under the right passphrase', async () => {
    const { salt = '' } = given(1).share
    const key = scryptSync(passphrase('bob'), Buffer.from(salt, 'base64'), 32, {
      N: 2 ** 17,
      r: 8,
      p: 1,
      maxmem: 2 ** 28,
    })
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(utf8(`share 2 of ${ceremonyId(given(1).share)}`))
    const locked = Buffer.concat([iv, cipher.update(randomBytes(33)), cipher.final(), cipher.getAuthTag()])
    const share = altered(1, (each) => ({ ...each, locked: locked.toString('base64') }))
    await expect(opened(given(0), given(1, { share }))).rejects.toThrow(
      'bob.share.json, the share of bob, is not what the ceremony gave to this custodian.',
    )
  })

  it('hold neither the private half, nor a secret of a custodian', () => {
    const text = JSON.stringify(shares)
    expect(text).not.toMatch(/PRIVATE KEY|correct horse/)
  })
})

describe('a ceremony', () => {
  it.each([
    [1, custodians, 'The threshold must be at least 2'],
    [4, custodians, 'at most the number of custodians'],
    [2.5, custodians, 'The threshold must be'],
    [2, [...custodians, ...custodians], 'Custodians need different names'],
    [2, [{ name: '../alice', with: passphrase('a') }, ...custodians], 'Custodians need different names'],
    [2, [{ name: 'dave', with: utf8('short') }, ...custodians], 'The passphrase of dave must have 12 bytes or more.'],
    [
      2,
      [{ name: 'dave', with: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey }, ...custodians],
      'The key of dave must be an RSA public key of 3072 bits or more.',
    ],
    [
      2,
      [{ name: 'dave', with: generateKeyPairSync('ed25519').publicKey }, ...custodians],
      'The key of dave must be an RSA public key of 3072 bits or more.',
    ],
  ])('of threshold %d is refused when it would not hold', async (threshold, given, message) => {
    await expect(createShares(given, threshold, now)).rejects.toThrow(message)
  })
})

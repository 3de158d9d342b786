/**
 * Root keys in the hands of several people (docs/recovery.md): any M of N custodians restore them on a new token, and
 * fewer can do nothing.
 *
 *     npm run ceremony -- create --threshold 2 --custodian alice --custodian bob --custodian carol=carol.pem --out <directory>
 *     npm run ceremony -- check --share <file>…
 *     npm run ceremony -- restore --escrow escrow.json --share <file> --share <file>
 *     npm run ceremony -- readdress --escrow escrow.json --share <file> --share <file> --to <pem> --out <file>
 *     npm run ceremony -- rotate [--escrow <pem>]
 *
 * A custodian is named alone, and types a passphrase, or with the file of an RSA public key. --secrets names a directory
 * of passphrases and private keys, each in a file named like its custodian, instead of a terminal. --module, --directory
 * and --label are those of `npm run provision`.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { escrowFor, escrowIn, readdress } from './ceremony/escrow.ts'
import { newPassphrase, secretOf } from './ceremony/secrets.ts'
import {
  ceremonyId,
  createShares,
  custodianOf,
  type GivenShare,
  isByPassphrase,
  openShare,
  parseShare,
  withEscrowKey,
} from './ceremony/shares.ts'
import { changing, highestRoot } from './domain.ts'
import {
  type Escrow,
  escrowKey,
  escrowOf,
  escrowText,
  fingerprint,
  flush,
  placeOf,
  placeOptions,
  restoreToken,
  settleKeys,
  type TokenPlace,
} from './provision.ts'

const several = { type: 'string', multiple: true } as const
const options = {
  ...placeOptions,
  threshold: { type: 'string' },
  custodian: several,
  share: several,
  escrow: several,
  secrets: { type: 'string' },
  to: { type: 'string' },
  out: { type: 'string' },
} as const

const parsed = (args: readonly string[]) => parseArgs({ options, args: [...args], allowPositionals: true })
type Values = ReturnType<typeof parsed>['values']

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const json = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))
const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

function demanded(value: string | undefined, option: string): string {
  if (value === undefined) throw new Error(`Missing: --${option}.`)
  return value
}

/** Never over what is there: a share that was handed out exists once. */
function writeNew(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600, flag: 'wx' })
  flush(file)
}

async function create({ custodian: named = [], threshold, secrets, out }: Values): Promise<void> {
  const directory = demanded(out, 'out')
  const custodians = []
  for (const each of named) {
    const [name = '', file] = each.split('=', 2)
    const own = file === undefined ? await newPassphrase(name, secrets) : createPublicKey(readFileSync(file))
    custodians.push({ name, with: own })
  }
  const shares = await createShares(custodians, Number(demanded(threshold, 'threshold')), new Date())
  for (const { with: own } of custodians) if (own instanceof Uint8Array) own.fill(0)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const [first] = shares
  if (!first) return
  const { publicKey } = first.ceremony
  writeNew(join(directory, 'escrow.pem'), publicKey)
  for (const share of shares) {
    const file = join(directory, `${custodianOf(share)}.share.json`)
    writeNew(file, `${JSON.stringify(share, null, 2)}\n`)
    print(`Share ${share.index} of ${shares.length}, for ${custodianOf(share)}: ${file}`)
  }
  print(`Ceremony ${ceremonyId(first)}: ${threshold} of ${shares.length} shares restore.`)
  print(`Escrow key: ${join(directory, 'escrow.pem')}. Fingerprint: ${fingerprint(createPublicKey(publicKey))}`)
}

/** The shares, each with its custodian's secret, asked for in their order. */
async function given({ share: files = [], secrets }: Values): Promise<readonly GivenShare[]> {
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
async function inEscrow(values: Values, use: (escrow: Escrow, key: KeyObject) => void): Promise<void> {
  const { escrow: files = [] } = values
  if (files.length === 0) throw new Error('Missing: --escrow.')
  const shares = await given(values)
  try {
    await withEscrowKey(shares, (key) => {
      const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
      use(escrowIn(files.map(json), publicKey), key)
    })
  } finally {
    for (const { secret } of shares) secret.fill(0)
  }
}

async function check(values: Values): Promise<void> {
  for (const each of await given(values)) {
    openShare(each).fill(0)
    each.secret.fill(0)
    print(`${each.from}, the share of ${custodianOf(each.share)}, is in order. Ceremony ${ceremonyId(each.share)}`)
  }
}

async function restore(values: Values): Promise<void> {
  const place = placeOf(values)
  for (const file of values.escrow ?? []) print(`${file}: SHA-256 ${digestOf(file)}`)
  await inEscrow(values, (escrow, key) => {
    const tokenLabel = values.label ?? (escrow.tokenLabel || place.tokenLabel)
    restoreToken({ ...place, tokenLabel }, escrow, (transferKey) => readdress(escrow, key, transferKey))
    print(`Restored ${Object.keys(escrow.keys).join(', ')} on the token ${tokenLabel} in ${place.directory}`)
  })
}

async function hand(values: Values): Promise<void> {
  const [out, to] = [demanded(values.out, 'out'), escrowKey(readFileSync(demanded(values.to, 'to'), 'utf8'))]
  await inEscrow(values, (escrow, key) => writeNew(out, escrowText(escrowFor(escrow, key, to))))
  print(`Escrow: ${out}, SHA-256 ${digestOf(out)}, for ${fingerprint(to)}`)
}

/**
 * Adds a regional root, which wraps what is made from then on. What it is in escrow for is on the disk before the root
 * is in the token: no key is ever made under a root that cannot be restored.
 */
export function rotate(place: TokenPlace, escrow: KeyObject | undefined): string {
  const file = join(place.directory, 'escrow.json')
  const former = existsSync(file) ? (json(file) as Escrow) : undefined
  if (former?.recipient !== (escrow && fingerprint(escrow))) {
    throw new Error(
      former
        ? `The roots of this token are in escrow: give --escrow, the key with fingerprint ${former.recipient}.`
        : 'The roots of this token are not in escrow: one root alone in escrow would restore nothing that is older.',
    )
  }
  return changing(place, (token, session) => {
    const label = `regional-${highestRoot('regional', token, session) + 1}`
    const settled = settleKeys(token, session, [{ label, kind: 'root' }], escrow ? [escrow] : [])
    if (escrow && former) {
      const added = escrowOf(place.tokenLabel, escrow, settled)
      writeFileSync(`${file}.new`, escrowText({ ...former, keys: { ...former.keys, ...added.keys } }), { mode: 0o600 })
      flush(`${file}.new`)
      renameSync(`${file}.new`, file)
      flush(place.directory, { deep: false })
    }
    return label
  })
}

async function rotateRoot(values: Values): Promise<void> {
  const [pem] = values.escrow ?? []
  const place = placeOf(values)
  const label = rotate(place, pem === undefined ? undefined : escrowKey(readFileSync(pem, 'utf8')))
  print(`The token has the root ${label}. Start the service again to use it.`)
  if (pem !== undefined) {
    const file = join(place.directory, 'escrow.json')
    print(`Escrow: ${file}, SHA-256 ${digestOf(file)}. Replace the copies of it.`)
  }
}

const commands: Readonly<Record<string, (values: Values) => Promise<void>>> = {
  create,
  check,
  restore,
  readdress: hand,
  rotate: rotateRoot,
}

async function main(): Promise<void> {
  const { values, positionals } = parsed(process.argv.slice(2))
  const command = Object.hasOwn(commands, positionals[0] ?? '') ? commands[positionals[0] ?? ''] : undefined
  if (!command || positionals.length > 1) throw new Error(`One of: ${Object.keys(commands).join(', ')}.`)
  await command(values)
}

if (import.meta.main) {
  try {
    await main()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

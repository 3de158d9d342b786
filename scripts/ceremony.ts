/**
 * Root keys in the hands of several people (docs/recovery.md): any M of N custodians restore them on a new token, and
 * fewer can do nothing.
 *
 *     npm run ceremony -- create --threshold 2 --custodian alice --custodian bob --custodian carol=carol.pem --out <directory>
 *     npm run ceremony -- check --share <file>…
 *     npm run ceremony -- restore --escrow escrow.json --share <file> --share <file>
 *     npm run ceremony -- readdress --escrow escrow.json --share <file> --share <file> --to <pem> --out <file>
 *     npm run ceremony -- rotate [--escrow <pem>]
 *     npm run ceremony -- retire-root <root> [--cluster <id>] [--yes]
 *
 * A custodian is named alone, and types a passphrase, or with the file of an RSA public key. --secrets names a directory
 * of passphrases and private keys, each in a file named like its custodian, instead of a terminal. --module, --directory
 * and --label are those of `npm run provision`.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { escrowFor, readdress } from './ceremony/escrow.ts'
import { givenShares, inEscrow, openingOptions } from './ceremony/opening.ts'
import { newPassphrase } from './ceremony/secrets.ts'
import { ceremonyId, createShares, custodianOf, openShare } from './ceremony/shares.ts'
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

const options = {
  ...placeOptions,
  ...openingOptions,
  threshold: { type: 'string' },
  custodian: { type: 'string', multiple: true },
  to: { type: 'string' },
  out: { type: 'string' },
  cluster: { type: 'string' },
  yes: { type: 'boolean' },
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

async function check(values: Values): Promise<void> {
  for (const each of await givenShares(values)) {
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

/** It alone needs the store: on a ceremony's machine there is none. */
async function retireRoot({ cluster, yes }: Values, [root]: readonly string[]): Promise<void> {
  if (root === undefined) throw new Error('Which root? npm run ceremony -- retire-root <root>')
  const { retire } = await import('./rewrap/retiring.ts')
  print(await retire(root, { cluster, confirmed: yes ?? false }))
}

const commands: Readonly<Record<string, (values: Values, rest: readonly string[]) => Promise<void>>> = {
  create,
  check,
  restore,
  readdress: hand,
  rotate: rotateRoot,
  'retire-root': retireRoot,
}

async function main(): Promise<void> {
  const { values, positionals } = parsed(process.argv.slice(2))
  const command = Object.hasOwn(commands, positionals[0] ?? '') ? commands[positionals[0] ?? ''] : undefined
  const rest = positionals.slice(1)
  if (!command || rest.length > (command === retireRoot ? 1 : 0))
    throw new Error(`One of: ${Object.keys(commands).join(', ')}.`)
  await command(values, rest)
}

if (import.meta.main) {
  try {
    await main()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

/**
 * Gives tokens of several Regions one domain root, which multi-Region keys hang from (design.md §3, §8). A root leaves
 * for its recipients when it is made, and never again: so a Region joins by a new domain root, that of the keys made
 * from then on. Keys made before keep theirs, and cannot be replicated to it.
 *
 *     npm run domain -- request --out request.json        in the Region that joins
 *     npm run domain -- share request.json --out domain.json [--escrow <pem>]    in the first; one request for each other
 *     npm run domain -- accept domain.json                in the Region that joins
 *
 * Neither file is secret. What must be right is whose request it is: both commands print its fingerprint, to be compared
 * over another way. Two tokens on one machine: `npm run domain -- join --with <directory of the first>`.
 *
 * --module, --directory and --label are those of `npm run provision`. The service uses its new root when it is started
 * again.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fromHex } from '../lib/bytes.ts'
import { attribute, objectClass, userType } from '../lib/hsm/constants.ts'
import { parseRootName } from '../lib/hsm/roots.ts'
import {
  bytes,
  escrowKey,
  fingerprint,
  flush,
  inTokens,
  keyOf,
  newDomainKeys,
  newStaging,
  number,
  placeOf,
  placeOptions,
  runCommand,
  settleKey,
  settleKeys,
  type Token,
  type TokenPlace,
} from './provision.ts'

/** A Region that wants to join, as it asks the others. */
export interface DomainRequest {
  readonly version: 1
  /** Domain roots are numbered, and each token uses its highest: the new one is above all. */
  readonly highest: number
  /** PEM of the transfer key that the new root is to be encrypted to. */
  readonly transferKey: string
}

/** A domain root on its way: each of its keys, encrypted to each recipient, in hex by the recipient's fingerprint. */
export interface SharedDomain {
  readonly version: 1
  readonly encryption: 'RSA-OAEP, SHA-1'
  readonly keys: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const transferLabel = 'domain-transfer'
const labelled = (label: string) => bytes(attribute.label, Buffer.from(label))

/**
 * Works on a copy of the tokens, and then brings over what was added or taken away, file by file: the service may copy
 * the same directory at any moment, and a process may be killed at any.
 */
export function changing<T>(
  { module, directory, tokenLabel }: TokenPlace,
  work: (token: Token, session: number) => T,
): T {
  const tokens = join(directory, 'tokens')
  if (!existsSync(tokens)) throw new Error(`There is no token in ${directory}: npm run provision.`)
  const pin = readFileSync(join(directory, 'pin'), 'utf8').trim()
  const umask = process.umask(0o077)
  const staging = newStaging(directory)
  try {
    const copy = join(staging, 'tokens')
    cpSync(tokens, copy, { recursive: true })
    const result = inTokens(module, copy, (token) => {
      const session = token.open(token.slotOf(tokenLabel))
      token.login(session, userType.user, pin)
      return work(token, session)
    })
    flush(copy)
    for (const name of readdirSync(copy)) bringOver(join(copy, name), join(tokens, name))
    return result
  } finally {
    rmSync(staging, { recursive: true, force: true })
    process.umask(umask)
  }
}

function bringOver(from: string, to: string): void {
  const [changed, standing] = [readdirSync(from), readdirSync(to)]
  for (const name of changed.filter((each) => !standing.includes(each))) renameSync(join(from, name), join(to, name))
  for (const name of standing.filter((each) => !changed.includes(each))) rmSync(join(to, name), { force: true })
  flush(to, { deep: false })
}

/** The highest number of a root of this kind; 0 when there is none. */
export function highestRoot(kind: 'regional' | 'domain', token: Token, session: number): number {
  const secrets = token.find(session, [number(attribute.class, objectClass.secretKey)])
  const names = secrets.map((handle) => parseRootName(token.read(session, handle, attribute.label).toString()))
  return Math.max(0, ...names.map((name) => (name?.kind === kind ? name.number : 0)))
}

/** Makes a transfer key in the token, and asks for a domain root with it. A request made before is void. */
export const requestDomain = (place: TokenPlace): DomainRequest =>
  changing(place, (token, session) => {
    for (const former of token.find(session, [labelled(transferLabel)])) token.destroy(session, former)
    const { publicKey } = token.generateKeyPair(session, transferLabel)
    const transferKey = keyOf(token, session, publicKey).export({ type: 'spki', format: 'pem' }).toString()
    return { version: 1, highest: highestRoot('domain', token, session), transferKey }
  })

/** Makes a new domain root, settles it here, and encrypts it to everybody who asked. */
export const shareDomain = (
  place: TokenPlace,
  requests: readonly DomainRequest[],
  escrow: readonly KeyObject[] = [],
): SharedDomain =>
  changing(place, (token, session) => {
    const highest = Math.max(highestRoot('domain', token, session), ...requests.map((each) => each.highest))
    const recipients = [...requests.map(({ transferKey }) => createPublicKey(transferKey)), ...escrow]
    const settled = settleKeys(token, session, newDomainKeys(highest + 1), recipients)
    const keys = settled.map(({ label, sent }) => [label, Object.fromEntries(sent)] as const)
    return { version: 1, encryption: 'RSA-OAEP, SHA-1', keys: Object.fromEntries(keys) }
  })

/** Settles a domain root that was shared with this token, whose transfer key has then done its work. */
export const acceptDomain = (place: TokenPlace, domain: SharedDomain): void =>
  changing(place, (token, session) => {
    const half = (each: number) => token.find(session, [labelled(transferLabel), number(attribute.class, each)])[0]
    const [privateKey, publicKey] = [half(objectClass.privateKey), half(objectClass.publicKey)]
    if (privateKey === undefined || publicKey === undefined) {
      throw new Error('This token has asked for no domain root: npm run domain -- request.')
    }
    const own = fingerprint(keyOf(token, session, publicKey))
    for (const [label, sent] of Object.entries(domain.keys)) {
      const wrapped = sent[own]
      if (wrapped === undefined) throw new Error('This domain root was not shared with this token.')
      const kind = parseRootName(label)?.kind === 'domain' ? 'root' : 'binding'
      settleKey(token, session, privateKey, { label, kind }, fromHex(wrapped))
    }
    for (const handle of [privateKey, publicKey]) token.destroy(session, handle)
  })

const options = {
  ...placeOptions,
  out: { type: 'string' },
  escrow: { type: 'string' },
  with: { type: 'string' },
} as const

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const print = (text: string): void => void process.stdout.write(`${text}\n`)

function main(): void {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [command, ...files] = positionals
  const place = placeOf(values)
  const put = (content: object, name: string): string => {
    const file = values.out ?? name
    writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
    return file
  }
  const shown = ({ transferKey }: DomainRequest): string => fingerprint(createPublicKey(transferKey))

  if (command === 'request') {
    const request = requestDomain(place)
    print(`Request: ${put(request, 'request.json')}. Fingerprint: ${shown(request)}`)
  } else if (command === 'share' && files.length > 0) {
    const requests = files.map(json) as readonly DomainRequest[]
    const escrow = values.escrow === undefined ? [] : [escrowKey(readFileSync(values.escrow, 'utf8'))]
    const domain = shareDomain(place, requests, escrow)
    print(`Domain root: ${put(domain, 'domain.json')}, for ${requests.map(shown).join(', ')}`)
  } else if (command === 'accept' && files[0] !== undefined) {
    acceptDomain(place, json(files[0]))
    print('Accepted. Start the service again to use it.')
  } else if (command === 'join' && values.with !== undefined) {
    acceptDomain(place, shareDomain({ ...place, directory: values.with }, [requestDomain(place)]))
    print('Joined. Start both services again to use it.')
  } else {
    throw new Error('One of: request, share <request>…, accept <domain>, join --with <directory>.')
  }
}

if (import.meta.main) await runCommand(main)

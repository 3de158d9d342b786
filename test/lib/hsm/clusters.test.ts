/** CloudHSM clusters as tokens of their own, beside the service's, in one process of one PKCS #11 module. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { equal, hex, utf8 } from '../../../lib/bytes.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import { type OpenClusters, openClusters } from '../../../lib/hsm/clusters.ts'
import { returnCode } from '../../../lib/hsm/constants.ts'
import { type HsmOptions, type OpenHsm, openHsm } from '../../../lib/hsm/hsm.ts'
import type { Handle } from '../../../lib/hsm/pkcs11.ts'
import type { Hsm } from '../../../lib/ports.ts'
import type { PasswordProof } from '../../../lib/stores/ports.ts'
import { proofOf, wrappedPassword } from '../../../lib/stores/secrets.ts'
import { generated, hsmLibrary, openTestHsm, provisionedToken, runProvision } from '../../harness/token.ts'

const account = '000000000000'
const cluster = 'cluster-2a23b4cdefg'
const recheckMs = 20

let home: string
let first: OpenHsm
let second: Omit<HsmOptions, 'pin'>
let pin: string
let open: OpenClusters | undefined
let connected = new Map([[cluster, 1]])
let logged: Readonly<Record<string, unknown>>[] = []

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'keystead-clusters-'))
  runProvision('--directory', join(home, 'finance'), '--label', 'finance')
  pin = readFileSync(join(home, 'finance', 'pin'), 'utf8')
  const directories = [join(home, 'finance', 'tokens'), join(home, 'nowhere')]
  first = await openTestHsm({ besideDirectories: directories })
  const { module, runDirectory } = provisionedToken()
  second = { module, runDirectory, tokenLabel: 'finance', tokenDirectory: String(directories[0]), now: Date.now }
})
afterEach(async () => {
  vi.restoreAllMocks()
  await open?.close()
  open = undefined
  connected = new Map([[cluster, 1]])
  logged = []
})
afterAll(() => {
  first.close()
  rmSync(home, { recursive: true, force: true })
})

const clustersOf = (options: Partial<HsmOptions> = {}, readPin = () => pin): OpenClusters => {
  open = openClusters({
    tokens: new Map([[cluster, { options: { ...second, ...options }, readPin }]]),
    account,
    connected: async () => connected,
    recheckMs,
    openHsm,
    log: (entry) => void logged.push(entry),
  })
  return open
}

function proof(password = pin): PasswordProof {
  const challenge = randomBytes(32)
  const key = createHash('sha256').update(password).digest()
  return { challenge, response: createHmac('sha256', key).update(challenge).digest() }
}

async function hsmOf(clusters: OpenClusters): Promise<Hsm> {
  const hsm = await clusters.hsmOf(cluster)
  if (!hsm) throw new Error('the cluster is not open')
  return hsm
}

const slotOf = (label: string): Handle => {
  const library = hsmLibrary()
  const slot = library.C_GetSlotList(true).find((each) => library.C_GetTokenInfo(each).label.trimEnd() === label)
  if (!slot) throw new Error(`no token ${label}`)
  return slot
}

/** Whether this process is logged in at a token: the state of any session there tells. */
function isLoggedIn(label: string): boolean {
  const library = hsmLibrary()
  const session = library.C_OpenSession(slotOf(label), 6)
  try {
    return library.C_GetSessionInfo(session).state === 3
  } finally {
    library.C_CloseSession(session)
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 100) throw new Error('not within two seconds')
    await wait(recheckMs)
  }
}

const plaintext = utf8('secret')

describe('a cluster', () => {
  it('is a token beside the service’s, with its own login, handles and roots', async () => {
    const clusters = clustersOf()
    expect(isLoggedIn('finance')).toBe(false)
    expect(await clusters.connect(cluster, proof())).toBeUndefined()
    expect([isLoggedIn('finance'), isLoggedIn('keystead')]).toEqual([true, true])
    const there = await hsmOf(clusters)
    await there.check()
    const material = await generated(there, 'SYMMETRIC_DEFAULT')
    const blob = await there.encrypt(material, plaintext, { a: 'b' })
    const opened = await there.decrypt(material, parseCiphertext(blob), { a: 'b' })
    expect(equal(opened, plaintext)).toBe(true)
    const otherWay = await generated(first, 'SYMMETRIC_DEFAULT')
    for (const [hsm, foreign] of [
      [first, material],
      [there, otherWay],
    ] as const) {
      await expect(hsm.encrypt(foreign, plaintext, {})).rejects.toMatchObject({ name: 'KeyUnavailableException' })
    }
    expect(await there.random(16)).toHaveLength(16)
  })

  it('is known by its root keys', async () => {
    const clusters = clustersOf()
    const lineage = await clusters.lineageOf(cluster)
    expect(lineage).toMatch(/^[0-9a-f]{64}$/)
    expect(hex(await first.deriveKey('lineage'))).not.toBe(lineage)
    await clusters.disconnect(cluster)
    expect(await clusters.lineageOf(cluster)).toBe(lineage)
  })

  it('proves the password to the service’s HSM, which cannot show it', async () => {
    const wrapped = await wrappedPassword(first, account, 'cks-1234567890abcdef0', pin)
    const given = await proofOf(first, account, 'cks-1234567890abcdef0', wrapped)
    expect(await clustersOf().connect(cluster, given)).toBeUndefined()
  })

  it('belongs to one account', () => {
    const clusters = clustersOf()
    expect(clusters.has(cluster, account)).toBe(true)
    expect(clusters.has(cluster, '111122223333')).toBe(false)
    expect(clusters.has('cluster-abcdefghijk', account)).toBe(false)
  })

  it('that is not known is found by nobody', async () => {
    const clusters = clustersOf()
    expect(await clusters.connect('cluster-abcdefghijk', proof())).toBe('CLUSTER_NOT_FOUND')
    expect(await clusters.hsmOf('cluster-abcdefghijk')).toBeUndefined()
  })

  it('opens on its first use in a process that did not connect it, once for all who ask', async () => {
    const clusters = clustersOf()
    const login = vi.spyOn(hsmLibrary(), 'C_Login')
    const all = await Promise.all([clusters.hsmOf(cluster), clusters.hsmOf(cluster), clusters.hsmOf(cluster)])
    expect(new Set(all).size).toBe(1)
    expect(login).toHaveBeenCalledTimes(1)
  })

  it('ends its login when it is disconnected, and no other', async () => {
    const clusters = clustersOf()
    await clusters.connect(cluster, proof())
    const there = await hsmOf(clusters)
    const material = await generated(there, 'SYMMETRIC_DEFAULT')
    const blob = await there.encrypt(material, plaintext, {})
    await clusters.disconnect(cluster)
    expect([isLoggedIn('finance'), isLoggedIn('keystead')]).toEqual([false, true])
    await expect(there.encrypt(material, plaintext, {})).rejects.toThrow()
    await first.check()
    expect(await clusters.connect(cluster, proof())).toBeUndefined()
    const opened = await (await hsmOf(clusters)).decrypt(material, parseCiphertext(blob), {})
    expect(equal(opened, plaintext)).toBe(true)
  })

  it('ends its login when another process has disconnected it', async () => {
    const clusters = clustersOf()
    await clusters.hsmOf(cluster)
    expect(isLoggedIn('finance')).toBe(true)
    connected = new Map()
    await until(() => !isLoggedIn('finance'))
    expect(isLoggedIn('keystead')).toBe(true)
  })

  it('stays open while it is not known whether it may be', async () => {
    open = openClusters({
      tokens: new Map([[cluster, { options: second, readPin: () => pin }]]),
      account,
      connected: async () => {
        throw new Error('no store')
      },
      recheckMs,
      openHsm,
      log: (entry) => void logged.push(entry),
    })
    await open.hsmOf(cluster)
    await until(() => logged.length > 1)
    expect(isLoggedIn('finance')).toBe(true)
    expect(logged[0]).toMatchObject({ message: 'the state of custom key stores cannot be read' })
  })
})

describe('a cluster that cannot be connected', () => {
  it('is not even asked when the password is not its user’s', async () => {
    const login = vi.spyOn(hsmLibrary(), 'C_Login')
    const clusters = clustersOf()
    for (const wrong of ['', `${pin} `, 'kmsPswd1']) {
      expect(await clusters.connect(cluster, proof(wrong))).toBe('INVALID_CREDENTIALS')
    }
    expect(login).not.toHaveBeenCalled()
  })

  it('has INVALID_CREDENTIALS when the token refuses the PIN, which is in no log', async () => {
    const wrong = 'not-the-pin-of-this-token'
    const clusters = clustersOf({}, () => wrong)
    expect(await clusters.connect(cluster, proof(wrong))).toBe('INVALID_CREDENTIALS')
    expect(logged).toMatchObject([{ message: `${cluster} cannot be opened`, code: 'INVALID_CREDENTIALS' }])
    expect(JSON.stringify(logged)).not.toContain(wrong)
  })

  it('has INVALID_CREDENTIALS when there is no PIN', async () => {
    const clusters = clustersOf({}, () => readFileSync(join(home, 'no-pin'), 'utf8'))
    expect(await clusters.connect(cluster, proof())).toBe('INVALID_CREDENTIALS')
  })

  it.each([
    ['of no such label', () => ({ tokenLabel: 'audit' })],
    ['of a directory that was not there at the start', () => ({ tokenDirectory: home })],
    ['of a directory that is not there', () => ({ tokenDirectory: join(home, 'nowhere') })],
  ])('has CLUSTER_NOT_FOUND for a token %s', async (_, options) => {
    expect(await clustersOf(options()).connect(cluster, proof())).toBe('CLUSTER_NOT_FOUND')
  })

  it.each([
    ['USER_LOCKED_OUT', returnCode.pinLocked],
    ['USER_NOT_FOUND', returnCode.userPinNotInitialized],
    ['USER_LOGGED_IN', returnCode.userAnotherAlreadyLoggedIn],
    ['INVALID_CREDENTIALS', returnCode.pinExpired],
    ['INTERNAL_ERROR', returnCode.generalError],
  ])('has %s for what the token answers', async (code, answer) => {
    vi.spyOn(hsmLibrary(), 'C_Login').mockImplementation(() => {
      throw Object.assign(new Error('CKR'), { code: answer })
    })
    expect(await clustersOf().connect(cluster, proof())).toBe(code)
  })

  it('has INTERNAL_ERROR for a token without root keys, and says so in the log', async () => {
    const library = hsmLibrary()
    const free = library.C_GetSlotList(true).find((slot) => library.C_GetTokenInfo(slot).label.trim() === '')
    if (!free) throw new Error('no free slot')
    library.C_InitToken(free, 'officer-pin', 'blank'.padEnd(32))
    const session = library.C_OpenSession(slotOf('blank'), 6)
    library.C_Login(session, 0, 'officer-pin')
    library.C_InitPIN(session, pin)
    library.C_Logout(session)
    library.C_CloseSession(session)
    expect(await clustersOf({ tokenLabel: 'blank' }).connect(cluster, proof())).toBe('INTERNAL_ERROR')
    expect(String(logged[0]?.cause)).toContain('not provisioned')
    expect(isLoggedIn('blank')).toBe(false)
  })
})

describe('a token that lets a process down', () => {
  it('is not asked again with a PIN that it refused, until its store was disconnected', async () => {
    let current = 'not-the-pin-of-this-token'
    const clusters = clustersOf({}, () => current)
    const login = vi.spyOn(hsmLibrary(), 'C_Login')
    for (let uses = 0; uses < 3; uses++) expect(await clusters.hsmOf(cluster)).toBeUndefined()
    await wait(5 * recheckMs)
    expect(await clusters.hsmOf(cluster)).toBeUndefined()
    expect(login).toHaveBeenCalledTimes(1)
    connected = new Map()
    await wait(5 * recheckMs)
    connected = new Map([[cluster, 1]])
    current = pin
    expect(await clusters.hsmOf(cluster)).toBeDefined()
  })

  it('is asked again when its store was connected again meanwhile, however soon', async () => {
    let current = 'not-the-pin-of-this-token'
    const clusters = clustersOf({}, () => current)
    expect(await clusters.hsmOf(cluster)).toBeUndefined()
    await wait(5 * recheckMs)
    connected = new Map([[cluster, 2]])
    current = pin
    await wait(5 * recheckMs)
    expect(await clusters.hsmOf(cluster)).toBeDefined()
  })

  it('is asked again after any other failure', async () => {
    const clusters = clustersOf()
    const fault = vi.spyOn(hsmLibrary(), 'C_Login').mockImplementation(() => {
      throw Object.assign(new Error('CKR'), { code: returnCode.generalError })
    })
    expect(await clusters.hsmOf(cluster)).toBeUndefined()
    fault.mockRestore()
    await wait(5 * recheckMs)
    expect(await clusters.hsmOf(cluster)).toBeDefined()
  })
})

/** The HSM in a process of its own: what it does as well, and what becomes of a module that hangs, crashes or refuses. */
import { spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import {
  InvalidCiphertextException,
  KeyUnavailableException,
  UnsupportedOperationException,
} from '../../../lib/errors.ts'
import { returnCode } from '../../../lib/hsm/constants.ts'
import { Pkcs11Failure, TokenNotFound } from '../../../lib/hsm/failures.ts'
import type { HsmOptions, OpenHsm } from '../../../lib/hsm/hsm.ts'
import { type Isolation, isolated } from '../../../lib/hsm/isolated.ts'
import { isAlive } from '../../../lib/hsm/private-copy.ts'
import { generated, provisionedToken } from '../../harness/token.ts'

const onLinux = process.platform === 'linux'
const open: OpenHsm[] = []
let logged: Readonly<Record<string, unknown>>[] = []
afterEach(() => {
  for (const hsm of open.splice(0)) hsm.close()
  logged = []
})

async function isolatedHsm(options: Partial<HsmOptions> = {}, isolation: Partial<Isolation> = {}): Promise<OpenHsm> {
  const opener = isolated({ timeoutMs: 5000, log: (entry) => void logged.push(entry), ...isolation })
  const hsm = await opener({ ...provisionedToken(), now: Date.now, ...options })
  open.push(hsm)
  return hsm
}

/** The ids of the HSM processes that this process has begun and that still run. */
const children = (): readonly number[] =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number)
    .filter((pid) => pid > 0 && /keystead-hsm|misbehaving/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')))

const ended = async (pid: number): Promise<void> => {
  for (let tries = 0; isAlive(pid) && tries < 200; tries++) await wait(25)
  expect(isAlive(pid)).toBe(false)
}

const timeout = {
  name: 'DependencyTimeoutException',
  message: 'The HSM did not answer in time. The request can be retried.',
}

describe('an HSM in a process of its own', () => {
  it('does what one in this process does', async () => {
    const hsm = await isolatedHsm()
    const key = await generated(hsm, 'SYMMETRIC_DEFAULT')
    const context = { purpose: 'test', ключ: '値' }
    const blob = parseCiphertext(await hsm.encrypt(key, Buffer.from('plain'), context))
    expect(Buffer.from(await hsm.decrypt(key, blob, context)).toString()).toBe('plain')
    expect(await hsm.random(1024)).toHaveLength(1024)
    const owner = {
      purpose: 'access-key',
      account: '0'.repeat(12),
      id: 'AKIA',
      materialId: '',
      spec: 'HMAC_256',
    } as const
    const secret = randomBytes(40)
    const wrapped = await hsm.wrapSecret(owner, secret)
    const mac = createHmac('sha256', secret).update('data').digest()
    expect(Buffer.from(await hsm.mac(owner, wrapped, Buffer.from('data')))).toEqual(mac)
    const rsa = await generated(hsm, 'RSA_2048')
    expect(await hsm.sign(rsa, 'RSASSA_PSS_SHA_256', 'RAW', Buffer.from('data'))).toHaveLength(256)
    await hsm.check()
    expect(hsm.counters).toMatchObject({ operations: 9, failures: 0, reopenings: 0 })
    expect(hsm.counters.hits).toBeGreaterThan(0)
  })

  it('does many things at once, each answer its own', async () => {
    const hsm = await isolatedHsm()
    const key = await generated(hsm, 'SYMMETRIC_DEFAULT')
    const plaintexts = Array.from({ length: 300 }, (_, index) => randomBytes(1 + ((index * 37) % 4096)))
    const opened = await Promise.all(
      plaintexts.map(async (plain) => hsm.decrypt(key, parseCiphertext(await hsm.encrypt(key, plain, {})), {})),
    )
    expect(opened.map((each) => Buffer.from(each))).toEqual(plaintexts)
  })

  it('fails with the same errors', async () => {
    const hsm = await isolatedHsm({ hsmOnly: true })
    const key = await generated(hsm, 'SYMMETRIC_DEFAULT')
    const blob = parseCiphertext(await hsm.encrypt(key, Buffer.from('plain'), {}))
    await expect(hsm.decrypt(key, blob, { other: 'context' })).rejects.toBeInstanceOf(InvalidCiphertextException)
    await expect(hsm.decrypt({ ...key, account: '111111111111' }, blob, {})).rejects.toBeInstanceOf(
      KeyUnavailableException,
    )
    await expect(generated(hsm, 'ML_DSA_44')).rejects.toBeInstanceOf(UnsupportedOperationException)
    await expect(hsm.random(0)).rejects.toMatchObject({
      name: 'KMSInternalException',
      message: 'Not 1 to 1024 random bytes',
    })
    expect(hsm.counters.failures).toBe(2)
  })

  it.runIf(onLinux)('is told its PIN by the other process only, and gets none of its settings', async () => {
    const secret = 'setting-that-is-secret'
    process.env.KEYSTEAD_ROOT_SECRET_ACCESS_KEY = secret
    process.env.AWS_SECRET_ACCESS_KEY = secret
    try {
      const hsm = await isolatedHsm()
      const [pid] = children()
      const seen = ['environ', 'cmdline'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join()
      expect(seen).not.toContain(secret)
      expect(seen).not.toContain(provisionedToken().pin)
      await hsm.check()
    } finally {
      delete process.env.KEYSTEAD_ROOT_SECRET_ACCESS_KEY
      delete process.env.AWS_SECRET_ACCESS_KEY
    }
  })
})

describe.runIf(onLinux)('a module that hangs', () => {
  it('costs its callers no more than the time-out, and the next is answered by another process', async () => {
    const hsm = await isolatedHsm({}, { timeoutMs: 400 })
    const key = await generated(hsm, 'SYMMETRIC_DEFAULT')
    const blob = parseCiphertext(await hsm.encrypt(key, Buffer.from('plain'), {}))
    const [pid = 0] = children()
    process.kill(pid, 'SIGSTOP')
    const calls = [hsm.decrypt(key, blob, {}), hsm.random(8), hsm.check()]
    for (const call of calls) await expect(call).rejects.toMatchObject(timeout)
    // Where the machine is busy, the new process may take longer than a call has.
    const again = async (): Promise<Uint8Array> => hsm.decrypt(key, blob, {}).catch(again)
    expect(Buffer.from(await again()).toString()).toBe('plain')
    await ended(pid)
    expect(children()).toHaveLength(1)
    expect(hsm.counters).toMatchObject({ reopenings: 1 })
    expect(hsm.counters.failures).toBeGreaterThanOrEqual(3)
    expect(logged).toMatchObject([{ level: 'error', why: 'a call had no answer in 400 ms' }])
  })

  it('is not taken for one when it is only slow', async () => {
    const program = fileURLToPath(new URL('misbehaving.ts', import.meta.url))
    const hsm = await isolatedHsm({}, { timeoutMs: 300, program })
    const slow = Array.from({ length: 3 }, () => generated(hsm, 'RSA_4096'))
    const asked = setInterval(() => void hsm.check().catch(() => {}), 50)
    for (const call of slow) await expect(call).rejects.toMatchObject(timeout)
    await wait(400)
    clearInterval(asked)
    expect(logged).toEqual([])
  })

  it('is begun anew when one of its threads hangs for good', async () => {
    const program = fileURLToPath(new URL('misbehaving.ts', import.meta.url))
    const hsm = await isolatedHsm({}, { timeoutMs: 100, program })
    const [pid = 0] = children()
    const asked = setInterval(() => void hsm.check().catch(() => {}), 30)
    await expect(hsm.random(8)).rejects.toMatchObject(timeout)
    await ended(pid)
    clearInterval(asked)
    expect(logged).toMatchObject([{ why: 'a call had no answer in 100 ms' }])
  })

  it('does not keep it from being closed', async () => {
    const hsm = await isolatedHsm()
    const [pid = 0] = children()
    process.kill(pid, 'SIGSTOP')
    const call = hsm.check()
    await wait(20)
    hsm.close()
    await expect(call).rejects.toMatchObject({ name: 'KMSInternalException' })
    await ended(pid)
  })
})

describe.runIf(onLinux)("an HSM's process that ends", () => {
  it('fails what was asked of it, and the next call begins another', async () => {
    const hsm = await isolatedHsm()
    const key = await generated(hsm, 'SYMMETRIC_DEFAULT')
    const blob = parseCiphertext(await hsm.encrypt(key, Buffer.from('plain'), {}))
    const [pid = 0] = children()
    process.kill(pid, 'SIGSTOP')
    const call = hsm.decrypt(key, blob, {})
    await wait(20)
    process.kill(pid, 'SIGSEGV')
    process.kill(pid, 'SIGCONT')
    await expect(call).rejects.toMatchObject({ name: 'KMSInternalException', message: '' })
    expect(Buffer.from(await hsm.decrypt(key, blob, {})).toString()).toBe('plain')
    expect(logged).toMatchObject([{ why: 'SIGSEGV' }])
  })

  it('leaves no copy of the token behind once it was closed', async () => {
    const { runDirectory } = provisionedToken()
    const hsm = await isolatedHsm()
    const [pid = 0] = children()
    const copies = () => readdirSync(runDirectory).filter((name) => name.startsWith(`${pid}-`))
    expect(copies()).toHaveLength(1)
    hsm.close()
    await ended(pid)
    expect(copies()).toEqual([])
    await expect(hsm.check()).rejects.toMatchObject({ name: 'KMSInternalException' })
  })

  it('ends with the process that began it, however that ends', async () => {
    const starting = fileURLToPath(new URL('starting-isolated.ts', import.meta.url))
    const parent = spawn(process.execPath, [starting], { stdio: ['pipe', 'pipe', 'inherit'] })
    parent.stdin.end(JSON.stringify(provisionedToken()))
    await new Promise((resolve) => parent.stdout.once('data', resolve))
    const list = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8')
    const pid = Number(list.trim().split(' ')[0])
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await ended(pid)
  })
})

describe('an HSM that refuses', () => {
  it('says why it cannot be opened', async () => {
    await expect(isolatedHsm({ tokenLabel: 'nowhere' })).rejects.toBeInstanceOf(TokenNotFound)
    const wrong = isolatedHsm({ pin: 'wrong-pin' })
    await expect(wrong).rejects.toBeInstanceOf(Pkcs11Failure)
    await expect(wrong).rejects.toMatchObject({ call: 'C_Login', code: returnCode.pinIncorrect })
    await expect(isolatedHsm({ module: '/nowhere.so' })).rejects.toThrow(/nowhere\.so/)
  })
})

/** The domain root: what it opens, for whom, and how it comes into a second token. */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { objectClass } from '../../../lib/hsm/constants.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { template } from '../../../lib/hsm/pkcs11.ts'
import {
  boundUnder,
  materialOf,
  materialOwner,
  openTestHsm,
  runProvision,
  softHsmModule,
  withSession,
} from '../../harness/token.ts'

const mrk = 'mrk-1234abcd12ab34cd56ef1234567890ab'
let hsm: OpenHsm
let home: string
beforeAll(async () => {
  hsm = await openTestHsm()
  home = mkdtempSync(join(tmpdir(), 'keystead-domain-'))
})
afterAll(() => {
  hsm.close()
  rmSync(home, { recursive: true, force: true })
})

const made = async (id: string) => {
  const owner = materialOwner({ id })
  return materialOf(owner, (await hsm.generate(owner)).wrapped)
}

describe('a root', () => {
  it('is the domain root for multi-Region keys, and the regional one for all others', async () => {
    expect((await made(mrk)).wrapped.rootId).toMatch(/^domain-1-[0-9a-f]{16}$/)
    expect((await made(materialOwner().id)).wrapped.rootId).toBe('regional-1')
  })

  it('of the domain speaks for multi-Region keys alone, though its binding be right', async () => {
    const honest = await made(mrk)
    const { rootId, blob } = honest.wrapped
    const single = materialOwner()
    const forged = [
      materialOf(single, boundUnder('domain', single, rootId, blob)),
      materialOf(materialOwner({ id: mrk }), boundUnder('regional', materialOwner({ id: mrk }), 'regional-1', blob)),
    ]
    for (const material of forged) {
      await expect(hsm.encrypt(material, Buffer.from('x'), {})).rejects.toThrow(/^$/)
      await expect(hsm.assertBound(material)).rejects.toMatchObject({ name: 'KeyUnavailableException' })
    }
    const access = materialOwner({ purpose: 'access-key', id: mrk, materialId: '', spec: 'HMAC_256' })
    const key = boundUnder('domain', access, rootId, blob)
    await expect(hsm.mac(access, key, Buffer.from('20260101'))).rejects.toMatchObject({
      name: 'KeyUnavailableException',
    })
    await expect(hsm.assertBound(honest)).resolves.toBeUndefined()
  })

  it('is not found for a blob of another domain', async () => {
    const owner = materialOwner({ id: mrk })
    const { wrapped } = await made(mrk)
    const strange = materialOf(owner, { ...wrapped, rootId: 'domain-1-0000000000000000' })
    await expect(hsm.assertBound(strange)).rejects.toMatchObject({ name: 'KeyUnavailableException' })
  })

  it('makes MACs for peers that are no bindings', async () => {
    const first = await hsm.macForPeers(Buffer.from('20260101'))
    expect(first).toHaveLength(32)
    expect(await hsm.macForPeers(Buffer.from('20260101'))).toEqual(first)
    expect(await hsm.macForPeers(Buffer.from('20260102'))).not.toEqual(first)
  })
})

const program = fileURLToPath(new URL('../../../scripts/domain.ts', import.meta.url))
const run = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [program, '--module', softHsmModule(), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
const token = (name: string): string => {
  const directory = join(home, name)
  runProvision('--directory', directory)
  return directory
}
/** What a process of its own finds when it opens the token: the domain root, and a MAC that only its domain makes. */
const domainOf = (directory: string): { rootId: string; mac: string } =>
  JSON.parse(
    execFileSync(process.execPath, [fileURLToPath(new URL('./domain-probe.ts', import.meta.url)), directory, home], {
      encoding: 'utf8',
    }),
  )

describe('npm run domain', () => {
  it('gives a second token the root of the first, by request, sharing and acceptance', () => {
    const [first, second, third] = ['first', 'second', 'third'].map(token) as [string, string, string]
    const [request, domain] = [join(home, 'request.json'), join(home, 'domain.json')]
    const asked = run('request', '--directory', second, '--out', request)
    const fingerprint = /Fingerprint: ([0-9a-f]{64})/.exec(asked)?.[1]
    expect(run('share', request, '--directory', first, '--out', domain)).toContain(fingerprint)
    expect(() => run('accept', domain, '--directory', third)).toThrow('This token has asked for no domain root')
    run('accept', domain, '--directory', second)
    const [a, b, c] = [first, second, third].map(domainOf)
    expect(a?.rootId).toMatch(/^domain-2-/)
    expect(b).toEqual(a)
    expect(c?.mac).not.toBe(a?.mac)
    expect(() => run('accept', domain, '--directory', second)).toThrow('This token has asked for no domain root')
    run('request', '--directory', third, '--out', request)
    expect(() => run('accept', domain, '--directory', third)).toThrow('was not shared with this token')
  })

  it('does it all at once for two tokens of one machine, and refuses what is no token', () => {
    const [first, second] = ['near', 'nearer'].map(token) as [string, string]
    run('join', '--directory', second, '--with', first)
    expect(domainOf(second)).toEqual(domainOf(first))
    expect(() => run('join', '--directory', second, '--with', join(home, 'none'))).toThrow('There is no token in')
    const pem = join(home, 'escrow.pem')
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
    writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }))
    run('request', '--directory', second, '--out', join(home, 'again.json'))
    run('share', join(home, 'again.json'), '--directory', first, '--escrow', pem, '--out', join(home, 'escrowed.json'))
    const { keys } = JSON.parse(readFileSync(join(home, 'escrowed.json'), 'utf8'))
    expect(Object.keys(keys)).toEqual([
      expect.stringMatching(/^domain-binding-3-/),
      expect.stringMatching(/^domain-3-/),
    ])
    expect(Object.values<object>(keys).map((sent) => Object.keys(sent).length)).toEqual([2, 2])
    expect(() => run('share')).toThrow('One of: request, share')
  })
})

describe('a token without a domain root', () => {
  const refusal = {
    name: 'UnsupportedOperationException',
    message: 'Multi-Region keys are not supported: the token of this Region has no domain root.',
  }

  it('makes no multi-Region keys, and all others', async () => {
    const shared = await made(mrk)
    // In this process's copy of the token alone.
    withSession((session) => {
      for (const handle of session.find(template({ class: objectClass.secretKey, token: true }))) {
        if (session.label(handle).startsWith('domain-')) session.destroy(handle)
      }
    })
    const without = await openTestHsm()
    try {
      await expect(without.generate(materialOwner({ id: mrk }))).rejects.toMatchObject(refusal)
      await expect(without.macForPeers(Buffer.from('20260101'))).rejects.toMatchObject(refusal)
      await expect(without.assertBound(shared)).rejects.toMatchObject({ name: 'KeyUnavailableException' })
      const owner = materialOwner()
      const material = materialOf(owner, (await without.generate(owner)).wrapped)
      expect((await without.encrypt(material, Buffer.from('x'), {})).length).toBeGreaterThan(0)
    } finally {
      without.close()
    }
  })
})

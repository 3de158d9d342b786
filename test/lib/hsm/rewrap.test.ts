/** Old blobs under a new root: by roots that custodians lend for one session, whatever happens meanwhile. */
import { spawn, spawnSync } from 'node:child_process'
import { createHash, type KeyObject } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hex } from '../../../lib/bytes.ts'
import { type Config, readConfig } from '../../../lib/config.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import { type KeySpec, keySpecs } from '../../../lib/crypto/specs.ts'
import { attribute, keyType, mechanism, objectClass, returnCode } from '../../../lib/hsm/constants.ts'
import { Pkcs11Failure } from '../../../lib/hsm/failures.ts'
import { Handles } from '../../../lib/hsm/handles.ts'
import { type OpenHsm, openHsm } from '../../../lib/hsm/hsm.ts'
import { Materials } from '../../../lib/hsm/materials.ts'
import { type Handle, template } from '../../../lib/hsm/pkcs11.ts'
import type { Root } from '../../../lib/hsm/roots.ts'
import { ownerOfSecret } from '../../../lib/identity/signing-keys.ts'
import type { Material } from '../../../lib/keys/key.ts'
import { ownerOf } from '../../../lib/keys/materials.ts'
import { hsmOptions } from '../../../lib/runtime.ts'
import { type OpenStore, openStore } from '../../../lib/store/store.ts'
import { openWrappedKeys, type WrappedKeys } from '../../../lib/store/wrapped.ts'
import { inEscrow } from '../../../scripts/ceremony/opening.ts'
import type { Escrow } from '../../../scripts/provision.ts'
import { rewrapperOf } from '../../../scripts/rewrap/again.ts'
import { borrowRoots } from '../../../scripts/rewrap/borrowed.ts'
import { isOld, tallyOf } from '../../../scripts/rewrap/hanging.ts'
import { moveAll } from '../../../scripts/rewrap/moving.ts'
import { openRootedToken, type RootedToken } from '../../../scripts/rewrap/token.ts'
import { cleanEnv } from '../../harness/server.ts'
import { aKey, anAccessKey } from '../../harness/store.ts'
import { materialOf, materialOwner, runProvision, softHsmModule } from '../../harness/token.ts'

const home = mkdtempSync(join(tmpdir(), 'keystead-rewrap-'))
const at = (...names: readonly string[]): string => join(home, ...names)
const cluster = 'cluster-2a23b4cdefg'
const env = {
  KEYSTEAD_HOME: home,
  KEYSTEAD_STORE: 'embedded',
  KEYSTEAD_HSM_MODULE: softHsmModule(),
  KEYSTEAD_KEY_STORES: JSON.stringify({
    [cluster]: { tokenLabel: 'finance', pinFile: at('finance', 'pin'), tokenDirectory: at('finance', 'tokens') },
  }),
}
const script = (name: string): string => fileURLToPath(new URL(`../../../scripts/${name}.ts`, import.meta.url))
const ran = (name: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [script(name), ...args], { encoding: 'utf8', env: cleanEnv(env) })
function run(name: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = ran(name, ...args)
  if (status !== 0) throw new Error(stderr)
  return stdout
}
const secrets = ['--secrets', at('secrets')]
const both = ['--share', at('shares', 'alice.share.json'), '--share', at('shares', 'bob.share.json'), ...secrets]
const escrowed = ['--escrow', at('hsm', 'escrow.json')]

let config: Config
let token: RootedToken
let hsm: OpenHsm
/** What the token did before its rotation: it makes keys under its first roots. */
let former: Materials

/** Opened first: of the process's own copies of the tokens, that of both. */
beforeAll(async () => {
  mkdirSync(at('secrets'))
  const people = ['alice', 'bob', 'carol']
  for (const name of people) writeFileSync(at('secrets', name), `the passphrase of ${name}\n`)
  const named = people.flatMap((name) => ['--custodian', name])
  run('ceremony', 'create', '--threshold', '2', ...named, ...secrets, '--out', at('shares'))
  const escrow = ['--escrow', at('shares', 'escrow.pem')]
  for (const place of [at('hsm'), at('finance')]) {
    runProvision('--directory', place, '--label', place.endsWith('hsm') ? 'keystead' : 'finance', ...escrow)
    run('ceremony', 'rotate', '--directory', place, ...(place.endsWith('hsm') ? [] : ['--label', 'finance']), ...escrow)
  }
  runProvision('--directory', at('peer'))
  run('domain', 'request', '--directory', at('peer'), '--out', at('request.json'))
  run('domain', 'share', at('request.json'), ...escrow, '--out', at('domain.json'))
  config = readConfig(env)
  token = await openRootedToken(config, undefined)
  hsm = await openHsm({ ...(await hsmOptions(config)), now: Date.now })
  former = formerOf(token)
  const opening = { share: both.filter((each) => each.endsWith('.json')), secrets: at('secrets') }
  lent = await inEscrow({ ...opening, escrow: [at('hsm', 'escrow.json')] }, (escrow, key) => ({ escrow, key }))
}, 240_000)
afterAll(() => {
  hsm?.close()
  token?.session.close()
  rmSync(home, { recursive: true, force: true })
})

function rootOf({ roots }: RootedToken, kind: Root['kind'], number: number): Root {
  const found = [...roots.byId.values()].find((each) => each.id.startsWith(`${kind}-${number}`))
  if (!found) throw new Error(`no ${kind}-${number}`)
  return found
}
function formerOf(of: RootedToken): Materials {
  const { session, profile, roots } = of
  const handles = new Handles(9, (handle) => session.destroy(handle), { hits: 0, misses: 0, evictions: 0 })
  const before = { ...roots, current: rootOf(of, 'regional', 1), domain: rootOf(of, 'domain', 1) }
  return new Materials({ session, profile, roots: before, handles, hsmOnly: false })
}

/** What the custodians lend: opened once for all tests, as it takes its time. */
let lent: { readonly escrow: Escrow; readonly key: KeyObject }
const lending = (of: RootedToken, ids: readonly string[], change: (keys: Escrow['keys']) => object = (keys) => keys) =>
  borrowRoots(of, ids, async (use) => {
    const keys = change(lent.escrow.keys) as Escrow['keys']
    return use({ ...lent.escrow, keys }, lent.key)
  })
async function borrowing<T>(
  ids: readonly string[],
  use: (byId: ReadonlyMap<string, Root>) => T | Promise<T>,
  change?: (keys: Escrow['keys']) => object,
): Promise<T> {
  const { byId, close } = await lending(token, ids, change)
  try {
    return await use(byId)
  } finally {
    close()
  }
}
const borrowed = <T>(use: (byId: ReadonlyMap<string, Root>) => T | Promise<T>) => borrowing(['regional-1'], use)
const handleOf = (byId: ReadonlyMap<string, Root>): Handle => byId.get('regional-1')?.handle ?? Buffer.alloc(8)
const codeOf = (work: () => unknown): number | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof Pkcs11Failure) return error.code
    throw error
  }
}
const made = async (spec: KeySpec, id = aKey().id): Promise<Material> => {
  const owner = materialOwner({ id, spec, materialId: createHash('sha256').update(`${id} ${spec}`).digest('hex') })
  const key = await former.generate(owner)
  return { ...materialOf(owner, key.wrapped), ...key }
}
const boundKey = (material: Material) => ({ ...material, owner: ownerOf(material) })

describe('a borrowed root', () => {
  const sought = {
    class: objectClass.secretKey,
    keyType: keyType.aes,
    token: false,
    private: true,
    sensitive: true,
    extractable: true,
  } as const

  it('opens keys as sensitive objects of its session, which can be wrapped and not read, and in no other way', async () => {
    const { blob } = (await made('SYMMETRIC_DEFAULT')).wrapped
    const { session, roots } = token
    await borrowed((byId) => {
      const root = handleOf(byId)
      const unwrapped = (how: number, change: object) =>
        codeOf(() => session.unwrap(how, root, blob, template({ ...sought, ...change })))
      const kwp = mechanism.aesKeyWrapPad
      expect(unwrapped(kwp, { sensitive: false })).toBe(returnCode.templateInconsistent)
      expect(unwrapped(kwp, { token: true })).toBe(returnCode.templateInconsistent)
      expect(unwrapped(kwp, { extractable: false })).toBe(returnCode.templateInconsistent)
      expect(unwrapped(0x2109, {})).toBe(returnCode.mechanismInvalid)
      const key = session.unwrap(kwp, root, blob, template(sought))
      expect(codeOf(() => session.read(key, attribute.value))).toBe(returnCode.attributeSensitive)
      expect(session.wrap(kwp, roots.current.handle, key)).toHaveLength(40)
      session.destroy(key)
    })
  })

  it('cannot itself be read, wrapped, kept or used to wrap', async () => {
    const { session, roots } = token
    await borrowed((byId) => {
      const root = handleOf(byId)
      const key = session.generate(mechanism.aesKeyGeneration, template({ ...sought, valueLength: 32 }))
      const kwp = mechanism.aesKeyWrapPad
      expect(codeOf(() => session.read(root, attribute.value))).toBe(returnCode.attributeSensitive)
      expect(codeOf(() => session.wrap(kwp, roots.current.handle, root))).toBe(returnCode.keyUnextractable)
      expect(codeOf(() => session.change(root, template({ extractable: true })))).toBeDefined()
      expect(codeOf(() => session.wrap(kwp, root, key))).toBe(returnCode.keyFunctionNotPermitted)
      expect([...session.read(root, attribute.token)]).toEqual([0])
      session.destroy(key)
    })
  })

  const filesIn = (directory: string): string =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(directory, name)).isFile())
      .sort()
      .map(
        (name) =>
          `${name} ${hex(
            createHash('sha256')
              .update(readFileSync(join(directory, name)))
              .digest(),
          )}`,
      )
      .join('\n')

  it('is gone with its session, also when that fails, and was never in the token', async () => {
    const { session } = token
    const secretKeys = () => session.find(template({ class: objectClass.secretKey })).length
    const pairs = () => session.find(template({ class: objectClass.privateKey })).length
    const { blob } = (await made('SYMMETRIC_DEFAULT')).wrapped
    const before = [secretKeys(), pairs(), filesIn(at('hsm', 'tokens'))]
    let root: Handle | undefined
    await borrowed((byId) => {
      root = handleOf(byId)
      expect(secretKeys()).toBe(Number(before[0]) + 1)
    })
    const gone = root ?? Buffer.alloc(8)
    expect(codeOf(() => session.unwrap(mechanism.aesKeyWrapPad, gone, blob, template(sought)))).toBe(
      returnCode.unwrappingKeyHandleInvalid,
    )
    await expect(
      borrowed(() => {
        throw new Error('broken off')
      }),
    ).rejects.toThrow('broken off')
    await expect(borrowing(['regional-1', 'regional-9'], () => 0)).rejects.toThrow(
      'The escrow does not hold regional-9.',
    )
    expect([secretKeys(), pairs(), filesIn(at('hsm', 'tokens'))]).toEqual(before)
  })

  it('is not what is lent under its name by whoever could write the escrow: nothing opens under it', async () => {
    const key = boundKey(await made('HMAC_256'))
    const forged = (keys: Escrow['keys']) => ({ ...keys, 'regional-1': keys['regional-2'] })
    const attempt = (byId: ReadonlyMap<string, Root>) => rewrapperOf(token, byId)(key)
    await expect(borrowing(['regional-1'], attempt, forged)).rejects.toThrow('C_UnwrapKey answered')
  })
})

describe('wrapping again', () => {
  const specs = Object.keys(keySpecs) as readonly KeySpec[]
  const purposes: Partial<Record<KeySpec, (material: Material) => Promise<(again: Material) => Promise<unknown>>>> = {
    SYMMETRIC_DEFAULT: async (material) => {
      const blob = await hsm.encrypt(material, Buffer.from('kept'), { a: 'b' })
      return async (again) => {
        expect(Buffer.from(await hsm.decrypt(again, parseCiphertext(blob), { a: 'b' })).toString()).toBe('kept')
      }
    },
    HMAC_512: async (material) => {
      const mac = await hsm.generateMac(material, Buffer.from('kept'))
      return async (again) => expect(await hsm.generateMac(again, Buffer.from('kept'))).toEqual(mac)
    },
  }

  it.each(specs)('gives the same key of %s under the newest root, bound to the same owner alone', async (spec) => {
    for (const id of [aKey().id, `mrk-${aKey().id.replaceAll('-', '')}`]) {
      const material = await made(spec, id)
      const check = await purposes[spec]?.(material)
      const ids = [rootOf(token, 'regional', 1).id, rootOf(token, 'domain', 1).id]
      const wrapped = await borrowing(ids, (byId) => rewrapperOf(token, byId)(boundKey(material)))
      const again = { ...material, wrapped }
      expect(wrapped.rootId).toMatch(id.startsWith('mrk-') ? /^domain-2-/ : /^regional-2$/)
      await expect(hsm.assertBound(again)).resolves.toBeUndefined()
      await expect(hsm.assertBound({ ...again, keyId: aKey().id })).rejects.toMatchObject({
        name: 'KeyUnavailableException',
      })
      await check?.(again)
    }
  })

  it('gives the same secret of an access key', async () => {
    const owner = ownerOfSecret(anAccessKey('AKIAEXAMPLE'))
    const wrapped = former.wrapSecret(owner, Buffer.from(`AWS4${'s'.repeat(40)}`))
    const again = await borrowed((byId) => rewrapperOf(token, byId)({ owner, wrapped }))
    const date = Buffer.from('20260101')
    expect(await hsm.mac(owner, again, date)).toEqual(await hsm.mac(owner, wrapped, date))
  })

  it('does nothing with a blob that is not bound to its owner, nor with a key that would be another', async () => {
    const [one, other] = [await made('ECC_NIST_P256'), await made('ECC_NIST_P256')]
    await borrowed((byId) => {
      const again = rewrapperOf(token, byId)
      expect(() => again({ ...boundKey(one), wrapped: other.wrapped })).toThrow(
        expect.objectContaining({ name: 'KeyUnavailableException' }),
      )
      expect(() => again({ ...boundKey(one), ...(other.publicKey && { publicKey: other.publicKey }) })).toThrow(
        'it would be another key than it was',
      )
      const { publicKey: _, ...without } = boundKey(one)
      expect(() => again(without)).toThrow('it would be another key than it was')
      const flipped = Uint8Array.from(one.wrapped.blob, (byte, place) => (place === 9 ? byte ^ 1 : byte))
      expect(() => again({ ...boundKey(one), wrapped: { ...one.wrapped, blob: flipped } })).toThrow(
        expect.objectContaining({ name: 'KeyUnavailableException' }),
      )
    })
  })

  it('takes a root that the token no longer has, and its binding key, from escrow', async () => {
    const material = await made('HMAC_384', `mrk-${aKey().id.replaceAll('-', '')}`)
    const { id } = rootOf(token, 'domain', 1)
    const without = {
      ...token,
      roots: { ...token.roots, byId: new Map([...token.roots.byId].filter(([name]) => name !== id)) },
    }
    const { byId, close } = await lending(without, [id])
    const again = rewrapperOf(without, byId)(boundKey(material))
    close()
    expect(again.rootId).toMatch(/^domain-2-/)
    await expect(hsm.assertBound({ ...material, wrapped: again })).resolves.toBeUndefined()
  })
})

describe('all that hangs from a root', () => {
  const { account } = materialOwner()
  const secretOf = (id: string) =>
    former.wrapSecret(ownerOfSecret({ account, id }), Buffer.from(`AWS4${id}`.padEnd(40, '.')))
  const storesOf = (clusterId: string) => [
    {
      id: 'cks-1',
      name: 'finance',
      createdAt: 1,
      state: 'CONNECTED' as const,
      cluster: { id: clusterId, trustAnchor: 'pem', password: secretOf('cks-1') },
    },
  ]
  const inRecords = async (directory: string, use: (store: OpenStore) => Promise<void>) => {
    const store = await openStore({ kind: 'embedded', directory, cacheTtlMs: 0, now: Date.now })
    await use(store).finally(() => store.close())
  }
  const inWrapped = async <T>(directory: string, use: (store: WrappedKeys) => Promise<T>): Promise<T> => {
    const store = await openWrappedKeys({ kind: 'embedded', directory })
    return use(store).finally(() => store.close())
  }
  const moving = (store: WrappedKeys, byId: ReadonlyMap<string, Root>) =>
    moveAll({
      store,
      token,
      wants: (key) => isOld(key, token) && byId.has(key.wrapped.rootId),
      again: rewrapperOf(token, byId),
      dryRun: false,
    })
  /** Tries each as the service would: under whichever root it is. */
  async function opensAll(directory: string): Promise<number> {
    return inWrapped(directory, async (store) => {
      let many = 0
      for await (const { keys } of store.holders()) {
        for (const { owner, wrapped } of keys) {
          many++
          if (owner.purpose === 'access-key') await hsm.mac(owner, wrapped, Buffer.from('20260101'))
          else await hsm.assertBound({ ...materialOf(owner, wrapped) })
        }
      }
      return many
    })
  }

  const filled = at('filled')
  beforeAll(() =>
    inRecords(filled, async (store) => {
      for (const spec of ['SYMMETRIC_DEFAULT', 'ECC_NIST_P256', 'ECC_NIST_EDWARDS25519'] as const) {
        const material = await made(spec)
        await store.keys.create(aKey({ id: material.keyId, account: material.account }), material)
      }
      const accessKey = { ...anAccessKey('AKIAEXAMPLE'), account }
      await store.accessKeys.create({ ...accessKey, wrapped: secretOf(accessKey.id) })
      await store.keyStores.replace({ account, revision: 0, stores: storesOf(cluster) })
    }),
  )

  it('is moved by as many writes as there are items; killed before or after any of them, it is taken up', async () => {
    const { byId, close } = await lending(token, ['regional-1'])
    let writes = 0
    for (let death = 1, whole = false; !whole; death++) {
      for (const written of [false, true]) {
        const directory = at(`killed-${death}-${written}`)
        cpSync(filled, directory, { recursive: true })
        whole = await inWrapped(directory, async (store) => {
          let count = 0
          const died = new Promise<boolean>((resolve) => {
            const replace: WrappedKeys['replace'] = async (holder, change) => {
              if (++count !== death) return store.replace(holder, change)
              if (written) await store.replace(holder, change)
              resolve(false)
              return new Promise(() => {})
            }
            void moving({ ...store, replace }, byId).then(() => resolve(true))
          })
          const ended = await died
          writes = Math.max(writes, count)
          return ended
        })
        expect(await opensAll(directory)).toBe(5)
        const left = await inWrapped(directory, (store) => tallyOf(store, token))
        expect(left.under('regional-1')).toBe(whole ? 0 : 5 - (death - 1) - (written ? 1 : 0))
        const { moved, failed } = await inWrapped(directory, (store) => moving(store, byId))
        expect([moved.total, failed.size]).toEqual([left.under('regional-1'), 0])
        expect((await inWrapped(directory, (store) => tallyOf(store, token))).roots).toEqual(['regional-2'])
        expect(await opensAll(directory)).toBe(5)
      }
    }
    close()
    expect(writes).toBe(5)
  })

  it('is moved as it is when it was changed meanwhile, by whom the old root still serves, and not when it was removed', async () => {
    const directory = at('overtaken')
    const material = await made('SYMMETRIC_DEFAULT')
    const owner = ownerOf(material)
    await inRecords(directory, (store) => store.materials.create(material))
    const theirs = { ...material, wrapped: (await former.generate(owner)).wrapped }
    const blob = await hsm.encrypt(theirs, Buffer.from('theirs'), {})
    const { byId, close } = await lending(token, ['regional-1'])
    await inWrapped(directory, async (store) => {
      let first = true
      const replace: WrappedKeys['replace'] = async (holder, change) => {
        if (first) expect(await store.replace(holder, () => theirs.wrapped)).toBe(true)
        first = false
        return store.replace(holder, change)
      }
      expect((await moving({ ...store, replace }, byId)).moved.kindsUnder('regional-1')).toBe('1 material')
      for await (const holder of store.holders()) {
        const wrapped = holder.keys[0]?.wrapped ?? material.wrapped
        expect(wrapped.rootId).toBe('regional-2')
        const opened = await hsm.decrypt({ ...material, wrapped }, parseCiphertext(blob), {})
        expect(Buffer.from(opened).toString()).toBe('theirs')
        expect(await store.replace(holder, () => theirs.wrapped)).toBe(true)
      }
      const removed: WrappedKeys = { ...store, replace: async () => false, find: async () => undefined }
      const { moved, failed } = await moving(removed, byId)
      expect([moved.total, failed.size]).toEqual([0, 0])
    })
    close()
  })

  it('is left alone when the roots that were lent are gone', async () => {
    const directory = at('lost')
    cpSync(filled, directory, { recursive: true })
    const { byId, close } = await lending(token, ['regional-1'])
    close()
    await expect(inWrapped(directory, (store) => moving(store, byId))).rejects.toThrow('C_UnwrapKey answered 0xf0')
    expect((await inWrapped(directory, (store) => tallyOf(store, token))).roots).toEqual(['regional-1'])
  })

  /** The store of the configuration, which commands work on. */
  const store = at('store')
  const kept = async (id: string, keyStore?: { readonly id: string }): Promise<Material> => {
    const material = await made('HMAC_256', id)
    await inRecords(store, (records) =>
      records.keys.create(aKey({ id, account: material.account, ...(keyStore && { keyStore }) }), material),
    )
    return material
  }

  it('is moved by the command, which can be killed and given again', { timeout: 120_000 }, async () => {
    const material = await made('HMAC_256')
    await inRecords(store, async (records) => {
      for (let each = 0; each < 450; each++) {
        const { wrapped } = await former.generate(ownerOf({ ...material, id: `${each}` }))
        await records.materials.create({ ...material, id: `${each}`, wrapped })
      }
    })
    const child = spawn(process.execPath, [script('rewrap'), ...escrowed, ...both], { env: cleanEnv(env) })
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    child.stderr.once('data', () => child.kill('SIGKILL'))
    expect(await ended).toBe('SIGKILL')
    const [, left] = /regional-1: (\d+) material/.exec(run('rewrap', '--dry-run')) ?? []
    expect(Number(left)).toBeGreaterThan(0)
    expect(Number(left)).toBeLessThan(450)
    const said = run('rewrap', ...escrowed, ...both, '--from', 'regional-1')
    expect(said).toContain(`Wrapped again from regional-1: ${left} material.`)
    expect(said).toContain('  regional-2: 450 material\n0 left under regional-1.\n')
    expect(await opensAll(store)).toBe(450)
    expect(run('rewrap')).toContain('There is nothing to wrap again.')
  })

  it('is not moved where it is damaged, which is said by name, and keeps its root from being retired', {
    timeout: 120_000,
  }, async () => {
    const [damaged, whole] = [await kept(aKey().id), await kept(aKey().id)]
    const binding = damaged.wrapped.binding.map((byte) => byte ^ 1)
    await inRecords(store, (records) => records.materials.put({ ...damaged, wrapped: { ...damaged.wrapped, binding } }))
    const { status, stdout, stderr } = ran('rewrap', ...escrowed, ...both)
    expect(status).toBe(1)
    expect(stdout).toContain('Wrapped again from regional-1: 1 material.')
    expect(stdout).toContain('1 left under regional-1.')
    expect(stderr).toBe(
      `keystead: 1 could not be wrapped again:\n  KEY#${damaged.keyId} MATERIAL#${damaged.id}: key-material ${damaged.keyId} ${damaged.id}: its binding does not verify\n`,
    )
    const retire = () => run('ceremony', 'retire-root', 'regional-1', '--yes')
    expect(retire).toThrow('1 material hang from regional-1: npm run rewrap.')
    await inRecords(store, async (records) => {
      expect((await records.materials.find(whole.keyId, whole.id))?.wrapped.rootId).toBe('regional-2')
      await records.materials.remove(damaged)
    })
  })

  it('stays where it is when the root is the one used now, or the token is not configured', () => {
    const refusal = (...args: readonly string[]): string => {
      const { status, stderr } = ran('rewrap', ...args)
      expect(status).toBe(1)
      return stderr
    }
    expect(refusal('--from', 'regional-2')).toBe('keystead: regional-2 is what is wrapped under now.\n')
    expect(refusal('--cluster', 'cluster-7777777777q')).toBe(
      'keystead: KEYSTEAD_KEY_STORES names no cluster-7777777777q.\n',
    )
  })

  it('of the token of a custom key store is its own, though roots have the same names', {
    timeout: 120_000,
  }, async () => {
    const finance = await openRootedToken(config, cluster)
    const orphan = await made('HMAC_256')
    const inFinance = formerOf(finance)
    const theirs = async (id: string): Promise<Material> => {
      const material = await made('HMAC_256', id)
      return { ...material, ...(await inFinance.generate(ownerOf(material))) }
    }
    const [their, theirOrphan] = [await theirs(aKey().id), await theirs(aKey().id)]
    finance.session.close()
    const own = { account: their.account, revision: 0, stores: storesOf(cluster) }
    await inRecords(store, async (records) => {
      await records.keyStores.replace(own)
      await records.keys.create(aKey({ id: their.keyId, account: their.account, keyStore: { id: 'cks-1' } }), their)
      for (const each of [orphan, theirOrphan]) await records.materials.create(each)
    })
    expect(run('rewrap', ...escrowed, ...both)).toContain('Wrapped again from regional-1: 1 key-stores, 1 material.')
    expect(run('ceremony', 'retire-root', 'regional-1', '--yes')).toBe(
      'regional-1 is no more in the token keystead. Keep it in escrow: backups that were taken before need it.\n',
    )
    const ofCluster = ['--cluster', cluster]
    const retire = () => run('ceremony', 'retire-root', 'regional-1', '--yes', ...ofCluster)
    expect(retire).toThrow('2 material hang from regional-1')
    const there = run('rewrap', ...ofCluster, '--escrow', at('finance', 'escrow.json'), ...both)
    expect(there).toContain('Wrapped again from regional-1: 2 material.')
    expect(there).toContain('0 left under regional-1.')
    expect(retire()).toContain('regional-1 is no more in the token finance.')
    expect(retire).toThrow('The token has no root regional-1.')
    // Each token is whole without it.
    expect(run('rewrap')).toContain('There is nothing to wrap again.')
    expect(run('rewrap', ...ofCluster)).toMatch(/regional-2: 2 material\nThere is nothing to wrap again\.\n$/)
    expect(() => run('ceremony', 'retire-root', 'regional-2', '--yes')).toThrow(
      'regional-2 is what is wrapped under now: rotate first.',
    )
  })

  it('of a retired root is moved by that root from escrow', { timeout: 120_000 }, async () => {
    await kept(aKey().id)
    expect(run('rewrap', ...escrowed, ...both)).toContain('Wrapped again from regional-1: 1 material.')
  })
})

/** Root keys through escrow and back, as custodians and operators do it; and a second root beside the first. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runProvision, softHsmModule } from '../../harness/token.ts'
import type { Made } from './ceremony-probe.ts'

const program = fileURLToPath(new URL('../../../scripts/ceremony.ts', import.meta.url))
const probe = fileURLToPath(new URL('./ceremony-probe.ts', import.meta.url))
const domainProgram = fileURLToPath(new URL('../../../scripts/domain.ts', import.meta.url))

const ran = (file: string, args: readonly string[], input?: string): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', ...(input !== undefined && { input }) })
function run(...args: readonly string[]): string {
  const { status, stdout, stderr } = ran(program, [...args, '--module', softHsmModule()])
  if (status !== 0) throw new Error(stderr)
  return stdout
}

let home: string
const at = (...names: readonly string[]): string => join(home, ...names)
const share = (name: string): readonly string[] => [
  '--share',
  at('shares', `${name}.share.json`),
  '--secrets',
  at('secrets'),
]
const made = (directory: string): readonly Made[] => JSON.parse(ran(probe, ['make', directory, home]).stdout)
const opened = (directory: string, all: readonly Made[]): readonly string[] =>
  JSON.parse(ran(probe, ['open', directory, home], JSON.stringify(all)).stdout)
const told = (all: readonly Made[]): readonly string[] => all.map(({ id }) => `of ${id}`)

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'keystead-ceremony-'))
  mkdirSync(at('secrets'))
  for (const name of ['alice', 'bob', 'dave']) writeFileSync(at('secrets', name), `the passphrase of ${name}\n`)
  const carol = generateKeyPairSync('rsa', { modulusLength: 3072 })
  writeFileSync(at('carol.pem'), carol.publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(at('secrets', 'carol'), carol.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const said = run(
    ...['create', '--threshold', '2', '--custodian', 'alice', '--custodian', 'bob'],
    ...['--custodian', `carol=${at('carol.pem')}`, '--secrets', at('secrets'), '--out', at('shares')],
  )
  expect(said).toMatch(/Ceremony [0-9a-f]{64}: 2 of 3 shares restore\./)
  runProvision('--directory', at('token'), '--escrow', at('shares', 'escrow.pem'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

describe('npm run ceremony', () => {
  it('writes a share for each custodian and the escrow key, once', () => {
    expect(readdirSync(at('shares')).sort()).toEqual([
      'alice.share.json',
      'bob.share.json',
      'carol.share.json',
      'escrow.pem',
    ])
    const again = () =>
      run(
        'create',
        '--threshold',
        '2',
        '--custodian',
        'alice',
        '--custodian',
        'bob',
        '--secrets',
        at('secrets'),
        '--out',
        at('shares'),
      )
    expect(again).toThrow('EEXIST')
  })

  it('restores the roots on a new token, which opens all that the lost one made', () => {
    const old = made(at('token'))
    const said = run(
      ...['restore', '--escrow', at('token', 'escrow.json'), ...share('alice'), ...share('carol')],
      ...['--directory', at('restored')],
    )
    expect(said).toMatch(
      /Restored regional-1, binding-1, domain-binding-1-[0-9a-f]{16}, domain-1-[0-9a-f]{16} on the token/,
    )
    expect(readdirSync(at('restored')).sort()).toEqual(['escrow.json', 'pin', 'tokens'])
    expect(opened(at('restored'), old)).toEqual(told(old))
    expect(readFileSync(at('restored', 'pin'), 'utf8')).not.toBe(readFileSync(at('token', 'pin'), 'utf8'))
    // It is as good a token as the first: it can be restored in turn.
    run(
      'restore',
      '--escrow',
      at('restored', 'escrow.json'),
      ...share('bob'),
      ...share('carol'),
      '--directory',
      at('third'),
    )
    expect(opened(at('third'), [...old, ...made(at('restored'))])).toEqual([...told(old), ...told(old)])
  })

  it('restores nothing from fewer shares, wrong passphrases or corrupted files, and says whose fault it is', () => {
    const restore = ['restore', '--escrow', at('token', 'escrow.json'), '--directory', at('nothing')]
    expect(() => run(...restore, ...share('alice'))).toThrow('1 of the 2 shares that are needed were given.')
    mkdirSync(at('wrong'))
    for (const name of ['alice', 'bob']) copyFileSync(at('secrets', name), at('wrong', name))
    writeFileSync(at('wrong', 'bob'), 'the passphrase of mallory')
    expect(() => run(...restore, ...share('alice'), ...share('bob'), '--secrets', at('wrong'))).toThrow(
      'bob.share.json, the share of bob, does not open: the passphrase is wrong.',
    )
    const damaged = at('wrong', 'bob.share.json')
    writeFileSync(damaged, readFileSync(at('shares', 'bob.share.json'), 'utf8').replace(/"locked": "./, '"locked": "!'))
    expect(() => run(...restore, ...share('alice'), '--share', damaged)).toThrow(
      'bob.share.json, the share of bob, is corrupted.',
    )
    expect(() => run(...restore, ...share('alice'), ...share('bob'), '--secrets', at('none'))).toThrow(
      'There is no file of alice in',
    )
    expect(existsSync(at('nothing'))).toBe(false)
    const { status, stderr } = ran(program, [...restore, '--share', at('shares', 'alice.share.json')], '')
    expect([status, stderr]).toEqual([1, 'There is no terminal to ask at: give --secrets <directory>.\n'])
  })

  it('restores nothing from an escrow that is corrupted, incomplete or of another key, nor over what is there', () => {
    const both = [...share('alice'), ...share('bob')]
    const escrow = JSON.parse(readFileSync(at('token', 'escrow.json'), 'utf8'))
    const from = (change: object): (() => string) => {
      writeFileSync(at('changed.json'), JSON.stringify({ ...escrow, ...change }))
      return () => run('restore', '--escrow', at('changed.json'), ...both, '--directory', at('nothing'))
    }
    const { 'binding-1': binding, ...lacking } = escrow.keys
    expect(from({ keys: { ...escrow.keys, 'binding-1': `00${binding.slice(2)}` } })).toThrow(
      'What the escrow holds of binding-1 is corrupted.',
    )
    expect(from({ keys: lacking })).toThrow('The escrow lacks binding-1')
    expect(from({ recipient: '0'.repeat(64) })).toThrow('The escrow holds no regional root for the key')
    expect(from({ keys: { ...escrow.keys, stranger: binding } })).toThrow(
      'The escrow holds stranger, which is no root.',
    )
    expect(existsSync(at('nothing'))).toBe(false)
    const over = () => run('restore', '--escrow', at('token', 'escrow.json'), ...both, '--directory', at('token'))
    expect(over).toThrow('is not empty')
    expect(readdirSync(at('token')).sort()).toEqual(['escrow.json', 'pin', 'tokens'])
  })

  it('checks one share by itself', () => {
    expect(run('check', ...share('carol'))).toMatch(/^carol\.share\.json, the share of carol, is in order\. Ceremony /)
  })

  it('hands what is in escrow to other custodians', () => {
    const old = made(at('token'))
    const people = ['--custodian', 'alice', '--custodian', 'dave', '--secrets', at('secrets')]
    run('create', '--threshold', '2', ...people, '--out', at('successors'))
    const escrow = ['--escrow', at('token', 'escrow.json')]
    run(
      'readdress',
      ...escrow,
      ...share('bob'),
      ...share('carol'),
      '--to',
      at('successors', 'escrow.pem'),
      '--out',
      at('new.json'),
    )
    const theirs = ['alice', 'dave'].flatMap((name) => ['--share', at('successors', `${name}.share.json`)])
    run('restore', '--escrow', at('new.json'), ...theirs, '--secrets', at('secrets'), '--directory', at('succeeded'))
    expect(opened(at('succeeded'), old)).toEqual(told(old))
    const former = () =>
      run('restore', '--escrow', at('new.json'), ...share('alice'), ...share('bob'), '--directory', at('x'))
    expect(former).toThrow('The escrow holds no regional root for the key that these shares give.')
  })
})

describe('a second root', () => {
  it('wraps what is made from then on, while old blobs still open; both are restored', () => {
    runProvision('--directory', at('rotated'), '--escrow', at('shares', 'escrow.pem'))
    const first = made(at('rotated'))
    expect(run('rotate', '--directory', at('rotated'), '--escrow', at('shares', 'escrow.pem'))).toContain(
      'The token has the root regional-2.',
    )
    const second = made(at('rotated'))
    expect([first, second].map(([single]) => single?.wrapped.rootId)).toEqual(['regional-1', 'regional-2'])
    expect(opened(at('rotated'), [...first, ...second])).toEqual([...told(first), ...told(second)])
    // A domain root that was shared later is in escrow in a file of its own.
    runProvision('--directory', at('peer'))
    const domain = (...args: readonly string[]) => ran(domainProgram, [...args, '--module', softHsmModule()])
    domain('request', '--directory', at('peer'), '--out', at('request.json'))
    const shared = ['--escrow', at('shares', 'escrow.pem'), '--out', at('domain.json')]
    expect(domain('share', at('request.json'), '--directory', at('rotated'), ...shared).status).toBe(0)
    const third = made(at('rotated'))
    expect(third[1]?.wrapped.rootId).toMatch(/^domain-2-/)
    const files = ['--escrow', at('rotated', 'escrow.json'), '--escrow', at('domain.json')]
    run('restore', ...files, ...share('alice'), ...share('bob'), '--directory', at('whole'))
    const all = [...first, ...second, ...third]
    expect(opened(at('whole'), all)).toEqual(told(all))
  })

  it('is refused when it could not be restored', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
    writeFileSync(at('other.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
    for (const escrow of [[], ['--escrow', at('other.pem')]]) {
      expect(() => run('rotate', '--directory', at('token'), ...escrow)).toThrow(
        'The roots of this token are in escrow',
      )
    }
    runProvision('--directory', at('unescrowed'))
    const late = () => run('rotate', '--directory', at('unescrowed'), '--escrow', at('other.pem'))
    expect(late).toThrow('The roots of this token are not in escrow')
    expect(run('rotate', '--directory', at('unescrowed'))).toContain('The token has the root regional-2.')
  })
})

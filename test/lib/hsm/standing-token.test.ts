/** Provisioning of a token that somebody else has initialised: here SoftHSM, used as a vendor's that nothing is known of. */
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { softHsmConfiguration } from '../../../lib/hsm/private-copy.ts'
import { cleanEnv } from '../../harness/server.ts'
import { softHsmModule } from '../../harness/token.ts'

const program = fileURLToPath(new URL('../../../scripts/provision.ts', import.meta.url))
const pin = '87654321'
let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'keystead-standing-'))
  mkdirSync(join(home, 'tokens'))
  writeFileSync(join(home, 'softhsm2.conf'), softHsmConfiguration(join(home, 'tokens')))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const env = (label: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv =>
  cleanEnv({
    SOFTHSM2_CONF: join(home, 'softhsm2.conf'),
    KEYSTEAD_HOME: join(home, label),
    KEYSTEAD_HSM_MODULE: softHsmModule(),
    KEYSTEAD_HSM_PROFILE: 'generic',
    KEYSTEAD_HSM_TOKEN_LABEL: label,
    KEYSTEAD_HSM_PIN: pin,
    ...more,
  })
const tool = (label: string, ...args: readonly string[]): string =>
  execFileSync('softhsm2-util', args, { env: env(label), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const initialize = (label: string): string =>
  tool(label, '--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', pin)
function provision(label: string, more: Readonly<Record<string, string>> = {}, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    env: env(label, more),
    encoding: 'utf8',
  })
  return { status, said: stdout + stderr }
}

describe('a token that stands', () => {
  it('is given its keys once, and what is in escrow opens to them', () => {
    initialize('first')
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
    const pem = join(home, 'escrow.pem')
    writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }))
    const { status, said } = provision('first', {}, '--escrow', pem)
    const file = join(home, 'first/hsm/escrow.json')
    expect([status, said]).toEqual([
      0,
      expect.stringContaining(`Provisioned: token first of ${softHsmModule()}\nEscrow: ${file}, `),
    ])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: Record<string, string> }
    expect(Object.keys(keys).map((label) => label.replace(/[0-9a-f]{16}$/, '…'))).toEqual([
      'domain-binding-1-…',
      'domain-1-…',
      'binding-1',
      'regional-1',
    ])
    for (const sent of Object.values(keys)) {
      expect(privateDecrypt({ key: privateKey, oaepHash: 'sha1' }, Buffer.from(sent, 'hex'))).toHaveLength(32)
    }
    expect(provision('first', {}, '--escrow', pem)).toEqual({
      status: 0,
      said: `Already provisioned: token first of ${softHsmModule()}\n`,
    })
    expect(JSON.parse(readFileSync(file, 'utf8')).keys).toEqual(keys)
  })

  it('is left alone when what is to be kept in escrow has no place', () => {
    initialize('second')
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
    const pem = join(home, 'another.pem')
    writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }))
    mkdirSync(join(home, 'second/hsm'), { recursive: true })
    const file = join(home, 'second/hsm/escrow.json')
    writeFileSync(file, '{}')
    expect(provision('second', {}, '--escrow', pem)).toEqual({
      status: 1,
      said: `${file} is the escrow of another token: put it somewhere else.\n`,
    })
    expect(provision('second')).toEqual({ status: 0, said: `Provisioned: token second of ${softHsmModule()}\n` })
    expect(provision('second', {}, '--escrow', pem)).toEqual({
      status: 1,
      said: 'The token was provisioned without this escrow key, and a root never leaves its token again.\n',
    })
  })

  it('is refused with the keys of an attempt that did not end, by their names', () => {
    initialize('third')
    writeFileSync(join(home, 'key'), Buffer.alloc(32, 1))
    tool(
      'third',
      '--import',
      join(home, 'key'),
      '--aes',
      '--token',
      'third',
      '--label',
      'binding-1',
      '--id',
      '01',
      '--pin',
      pin,
    )
    expect(provision('third')).toEqual({
      status: 1,
      said: 'The token has keys of an attempt that did not end. Nothing hangs from them: destroy binding-1.\n',
    })
  })

  it('is refused before anything is in it when it lacks what its profile needs', () => {
    initialize('fourth')
    expect(provision('fourth', { KEYSTEAD_HSM_PROFILE: 'cloudhsm' })).toEqual({
      status: 1,
      said: 'The token has no aesKeyWrapPad (0x8000216f)\n',
    })
    expect(provision('fourth').status).toBe(0)
  })

  it('is not there under another label', () => {
    expect(provision('fifth').said).toBe('No slot of the PKCS #11 module holds a token labelled fifth\n')
  })
})

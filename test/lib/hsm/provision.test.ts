import { spawn } from 'node:child_process'
import { constants, createDecipheriv, createHmac, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex } from '../../../lib/bytes.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import { openHsm } from '../../../lib/hsm/hsm.ts'
import { bindingMessage } from '../../../lib/hsm/materials.ts'
import { materialOf, materialOwner, runProvision, softHsmModule, tokenIn } from '../../harness/token.ts'

const program = fileURLToPath(new URL('../../../scripts/provision.ts', import.meta.url))
let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'keystead-provision-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const place = (name: string): string => join(home, name, 'token')

let pems = 0
const pemOf = (bits: number) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const file = join(home, `escrow-${pems++}.pem`)
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }))
  return { file, privateKey }
}

describe('provisioning', () => {
  it('makes a token, a PIN of its own and nothing else, for their owner alone', () => {
    const [first, second] = [place('first'), place('second')]
    expect(runProvision('--directory', first)).toBe(`Provisioned: ${first}/tokens, PIN in ${first}/pin\n`)
    runProvision('--directory', second)
    expect(readdirSync(first).sort()).toEqual(['pin', 'tokens'])
    expect(readdirSync(join(home, 'first'))).toEqual(['token'])
    expect(statSync(join(first, 'pin')).mode & 0o777).toBe(0o600)
    expect(statSync(first).mode & 0o777).toBe(0o700)
    const pins = [first, second].map((directory) => readFileSync(join(directory, 'pin'), 'utf8'))
    expect(new Set(pins).size).toBe(2)
    for (const pin of pins) expect(pin).toMatch(/^[\w-]{32}$/)
  })

  it('leaves a token that stands as it is', () => {
    const directory = place('twice')
    runProvision('--directory', directory)
    const pin = readFileSync(join(directory, 'pin'), 'utf8')
    expect(runProvision('--directory', directory)).toBe(
      `Already provisioned: ${directory}/tokens, PIN in ${directory}/pin\n`,
    )
    expect(readFileSync(join(directory, 'pin'), 'utf8')).toBe(pin)
  })

  it('refuses a directory that holds something else', () => {
    const directory = place('strange')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'file'), '')
    expect(() => runProvision('--directory', directory)).toThrow(
      `${directory} holds something else than a provisioned token.`,
    )
    expect(readdirSync(directory)).toEqual(['file'])
  })

  it('makes one token when two start together', async () => {
    const directory = place('together')
    const run = () =>
      new Promise<string>((resolve) => {
        const child = spawn(process.execPath, [program, '--module', softHsmModule(), '--directory', directory])
        let output = ''
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
        child.on('close', () => resolve(output))
      })
    const said = await Promise.all([run(), run(), run()])
    expect(said.filter((text) => text.startsWith('Provisioned: '))).toHaveLength(1)
    expect(said.filter((text) => text.startsWith('Already provisioned: '))).toHaveLength(2)
    expect(readdirSync(join(home, 'together'))).toEqual(['token'])
  })

  // SLOW=1 makes 60 of it.
  const kills = process.env.SLOW === '1' ? 60 : 6
  it(`leaves nothing that counts, or all, when it is killed, ${kills} times`, async () => {
    for (let i = 0; i < kills; i++) {
      const directory = place(`killed-${i}`)
      const child = spawn(process.execPath, [program, '--module', softHsmModule(), '--directory', directory])
      const closed = new Promise((resolve) => child.on('close', resolve))
      await wait(60 + (i * 240) / kills)
      child.kill('SIGKILL')
      await closed
      const all = existsSync(directory)
      expect(all ? readdirSync(directory).sort() : ['pin', 'tokens']).toEqual(['pin', 'tokens'])
      const again = runProvision('--directory', directory)
      expect(again.startsWith(all ? 'Already provisioned' : 'Provisioned')).toBe(true)
      expect(readdirSync(join(home, `killed-${i}`))).toEqual(['token'])
    }
  }, 120_000)

  it('refuses an escrow key that is weak, or comes too late', () => {
    const directory = place('late')
    const weak = () => runProvision('--directory', directory, '--escrow', pemOf(2048).file)
    expect(weak).toThrow('The escrow key must be an RSA public key of 3072 bits or more.')
    expect(existsSync(directory)).toBe(false)
    runProvision('--directory', directory)
    const late = () => runProvision('--directory', directory, '--escrow', pemOf(3072).file)
    expect(late).toThrow('was provisioned without this escrow key, and a root never leaves its token again.')
  })
})

describe('escrow', () => {
  it('lets the holder of its private key open everything without the token', async () => {
    const directory = place('escrowed')
    const { file, privateKey } = pemOf(3072)
    runProvision('--directory', directory, '--escrow', file)
    expect(runProvision('--directory', directory, '--escrow', file)).toContain('Already provisioned')

    const hsm = await openHsm({ ...tokenIn(directory, join(home, 'run')), now: Date.now })
    const owner = materialOwner()
    const material = materialOf(owner, (await hsm.generate(owner)).wrapped)
    const blob = await hsm.encrypt(material, Buffer.from('restored'), {})
    hsm.close()

    const { keys } = JSON.parse(readFileSync(join(directory, 'escrow.json'), 'utf8'))
    const domain = expect.stringMatching(/^domain-(?:binding-)?1-[0-9a-f]{16}$/)
    expect(Object.keys(keys)).toEqual(['regional-1', 'binding-1', domain, domain])
    const opened = (label: string): Buffer => {
      const padding = constants.RSA_PKCS1_OAEP_PADDING
      return privateDecrypt({ key: privateKey, padding, oaepHash: 'sha1' }, fromHex(keys[label]))
    }
    const unwrap = (by: Uint8Array, wrapped: Uint8Array): Buffer => {
      const opening = createDecipheriv('id-aes256-wrap-pad', by, fromHex('a65959a6'))
      return Buffer.concat([opening.update(wrapped), opening.final()])
    }
    const { wrapped } = material
    const binding = createHmac('sha256', opened('binding-1')).update(bindingMessage(owner, 'regional-1', wrapped.blob))
    expect(binding.digest().equals(wrapped.binding)).toBe(true)
    const { wrappedMessageKey, iv, header, body } = parseCiphertext(blob)
    const messageKey = unwrap(unwrap(opened('regional-1'), wrapped.blob), wrappedMessageKey)
    const opening = createDecipheriv('aes-256-gcm', messageKey, iv).setAAD(header).setAuthTag(body.subarray(-16))
    expect(Buffer.concat([opening.update(body.subarray(0, -16)), opening.final()]).toString()).toBe('restored')
  })
})

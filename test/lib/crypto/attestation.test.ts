import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Attestation, verifyAttestation } from '../../../lib/crypto/attestation.ts'
import { envelopedData } from '../../../lib/crypto/enveloped-data.ts'
import { ValidationException } from '../../../lib/errors.ts'
import { Enclave } from '../../harness/enclave.ts'

const now = Date.parse('2026-11-24T12:00:00Z')
let enclave: Enclave
let root: string
let document: Uint8Array
beforeAll(async () => {
  enclave = await Enclave.start(now)
  root = await enclave.root()
  document = await enclave.document(now)
})

const outcome = (bytes: Uint8Array, trusted = root, at = now): Attestation | string => {
  try {
    return verifyAttestation(bytes, trusted, at)
  } catch (error) {
    if (error instanceof ValidationException) return error.message
    throw error
  }
}
const refused = 'The attestation document is not valid.'

describe('an attestation document', () => {
  test('that chains to the trusted root says who the enclave is and what it can decrypt with', () => {
    const attestation = verifyAttestation(document, root, now)
    expect([attestation.kind, attestation.moduleId]).toEqual(['enclave', 'i-1234567890abcdef0-enc1234567890abcde'])
    expect(Buffer.from(attestation.pcrs.get(3) ?? []).toString('hex')).toBe('03'.repeat(48))
    expect(attestation.publicKey.equals(enclave.recipient.publicKey)).toBe(true)
  })

  test('may carry the tag of COSE_Sign1', () => {
    expect(outcome(Uint8Array.of(0xd2, ...document))).toMatchObject({ kind: 'enclave' })
  })

  test('of a TPM has its registers under their own name', async () => {
    const tpm = await enclave.document(now, { nitrotpm_pcrs: new Map([[4, new Uint8Array(48)]]) })
    expect(outcome(tpm)).toMatchObject({ kind: 'tpm' })
  })

  test('under another root is refused', async () => {
    const other = await Enclave.start(now)
    expect(outcome(document, await other.root())).toBe(refused)
    expect(outcome(await other.document(now))).toBe(refused)
  })

  test('is good for five minutes, and within its certificates’ time', async () => {
    expect(outcome(document, root, now + 300_000)).toMatchObject({ kind: 'enclave' })
    expect(outcome(document, root, now + 300_001)).toBe(refused)
    expect(outcome(document, root, now - 300_001)).toBe(refused)
    const later = now + 4 * 3_600_000
    expect(outcome(await enclave.document(later), root, later)).toBe(refused)
  })

  test('whose issuer may not issue is refused', async () => {
    const odd = await Enclave.start(now, { issuerIsCa: false })
    expect(outcome(await odd.document(now), await odd.root())).toBe(refused)
  })

  test.each([
    ['another digest', { digest: 'SHA256' }],
    ['a time that is no number', { timestamp: Number.NaN }],
    ['a time without end', { timestamp: Number.POSITIVE_INFINITY }],
    ['no public key', { public_key: null }],
    [
      'a public key that is no RSA key',
      {
        public_key: new Uint8Array(
          generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' }),
        ),
      },
    ],
    [
      'an RSA key that is too short',
      {
        public_key: new Uint8Array(
          generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'der', type: 'spki' }),
        ),
      },
    ],
    ['no certificates above its own', { cabundle: [] }],
    ['registers that are no bytes', { pcrs: new Map([[0, 'x']]) }],
    ['a register too many', { pcrs: new Map([[32, new Uint8Array(48)]]) }],
    ['a certificate that is none', { certificate: new Uint8Array(100) }],
  ])('with %s is refused', async (_what, claims) => {
    expect(outcome(await enclave.document(now, claims))).toBe(refused)
  })

  test('under another algorithm than ES384 is refused', async () => {
    expect(outcome(await enclave.document(now, {}, new Map([[1, -7]])))).toBe(refused)
  })

  test('of which any bit was changed is refused, and nothing but refused', () => {
    fc.assert(
      fc.property(fc.nat({ max: document.length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = new Uint8Array(document)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        // The unprotected header is the one part that nothing signs.
        const result = outcome(changed)
        expect(typeof result === 'string' ? result : result.moduleId).toBe(
          typeof result === 'string' ? refused : 'i-1234567890abcdef0-enc1234567890abcde',
        )
        if (typeof result !== 'string') expect(changed.subarray(0, 12)).not.toEqual(document.subarray(0, 12))
      }),
      { numRuns: 400 },
    )
  })

  test('of arbitrary bytes is refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(outcome(bytes)).toBe(refused)
      }),
      { numRuns: 500 },
    )
  })
})

describe('enveloped data', () => {
  test.skipIf(spawnSync('openssl', ['version']).status !== 0)(
    'is opened by OpenSSL with the recipient’s key alone (apt-get install openssl would run this)',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'keystead-cms-'))
      try {
        const content = randomBytes(32)
        const made = envelopedData(content, enclave.recipient.publicKey, randomBytes(32), randomBytes(16))
        writeFileSync(join(folder, 'cms'), made)
        writeFileSync(join(folder, 'key'), enclave.recipient.privateKey.export({ format: 'pem', type: 'pkcs8' }), {
          mode: 0o600,
        })
        const opened = spawnSync(
          'openssl',
          ['cms', '-decrypt', '-inform', 'DER', '-in', 'cms', '-inkey', 'key', '-binary'],
          { cwd: folder },
        )
        expect([opened.status, opened.stdout.equals(content)]).toEqual([0, true])
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  )
})

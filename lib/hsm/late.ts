import type { HsmCounters, OpenHsm } from './hsm.ts'

const nothing: HsmCounters = { operations: 0, failures: 0, reopenings: 0, hits: 0, misses: 0, evictions: 0 }

/**
 * An HSM that is opened when something is first asked of it: whoever may have nothing to ask costs it no login, and
 * can be without it. An opening that failed is what the question failed of; the next question tries again.
 */
export function openedLate(open: () => Promise<OpenHsm>): OpenHsm {
  let opening: Promise<OpenHsm> | undefined
  let opened: OpenHsm | undefined
  let closed = false

  async function ask<T>(question: (hsm: OpenHsm) => Promise<T>): Promise<T> {
    if (closed) throw new Error('The HSM is closed')
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    const hsm = await opening
    // Closed while it was being opened.
    if (closed) hsm.close()
    opened = hsm
    return question(hsm)
  }

  return {
    get counters() {
      return opened?.counters ?? nothing
    },
    random: (length) => ask((hsm) => hsm.random(length)),
    generate: (owner) => ask((hsm) => hsm.generate(owner)),
    encrypt: (material, plaintext, context) => ask((hsm) => hsm.encrypt(material, plaintext, context)),
    decrypt: (material, ciphertext, context) => ask((hsm) => hsm.decrypt(material, ciphertext, context)),
    wrapSecret: (owner, secret) => ask((hsm) => hsm.wrapSecret(owner, secret)),
    mac: (owner, wrapped, data) => ask((hsm) => hsm.mac(owner, wrapped, data)),
    sign: (material, algorithm, type, message) => ask((hsm) => hsm.sign(material, algorithm, type, message)),
    generateMac: (material, message) => ask((hsm) => hsm.generateMac(material, message)),
    decryptAsymmetric: (material, algorithm, ciphertext) =>
      ask((hsm) => hsm.decryptAsymmetric(material, algorithm, ciphertext)),
    deriveSharedSecret: (material, peer) => ask((hsm) => hsm.deriveSharedSecret(material, peer)),
    decapsulate: (material, ciphertext) => ask((hsm) => hsm.decapsulate(material, ciphertext)),
    importMaterial: (request) => ask((hsm) => hsm.importMaterial(request)),
    assertBound: (material) => ask((hsm) => hsm.assertBound(material)),
    macForPeers: (data) => ask((hsm) => hsm.macForPeers(data)),
    deriveKey: (purpose) => ask((hsm) => hsm.deriveKey(purpose)),
    check: () => ask((hsm) => hsm.check()),
    close() {
      closed = true
      opened?.close()
    },
  }
}

/** An exported trail as files: `audit-<day>.jsonl`, `digests/<number>.json`, `head.json`, `public-key.pem`. */
import { createPublicKey } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../lib/audit/digest.ts'
import type { Export, Head } from '../lib/audit/verify.ts'

export const spkiOf = (pem: string): Uint8Array =>
  new Uint8Array(createPublicKey(pem).export({ format: 'der', type: 'spki' }))

const namesIn = (directory: string, pattern: RegExp): readonly string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => pattern.test(name))
        .sort()
    : []

function linesOf(path: string): readonly string[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  // Every line has an end: what follows the last is no line.
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

/**
 * @param publicKeyFile PEM: of somebody whom you trust, and who may not be the one that the export comes from
 * @throws Error when the directory holds no trail
 */
export function readExport(directory: string, publicKeyFile = join(directory, 'public-key.pem')) {
  const digests = join(directory, 'digests')
  const head = join(directory, 'head.json')
  const given: Export = {
    files: new Map(namesIn(directory, /^audit-[\d-]+\.jsonl$/).map((name) => [name, linesOf(join(directory, name))])),
    digests: namesIn(digests, /^\d{9}\.json$/).map((name) => digestIn(readFileSync(join(digests, name), 'utf8'))),
    head: existsSync(head) ? (JSON.parse(readFileSync(head, 'utf8')) as Head) : undefined,
  }
  return { ...given, publicKey: spkiOf(readFileSync(publicKeyFile, 'utf8')) }
}

/** One that cannot be read is one whose signature is not right. */
function digestIn(text: string): Digest {
  try {
    return (JSON.parse(text) as { digest: Digest }).digest
  } catch {
    return { body: '', signature: '', leaves: '' }
  }
}

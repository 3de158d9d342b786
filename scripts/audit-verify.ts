/**
 * `npm run audit:verify -- <directory> [--key <public-key.pem>]`: whether an exported trail is what the HSM sealed. It
 * needs nothing but the export and the public key. `--prove <event id>` prints one record with the proof that it is in
 * the trail; `--proof <file>` verifies such a proof, without the rest of the trail.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Proof, proofFor, verifyProof } from '../lib/audit/proof.ts'
import { verifyExport } from '../lib/audit/verify.ts'
import { readExport, spkiOf } from './audit-files.ts'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

function main(): boolean {
  const { values, positionals } = parseArgs({
    options: { key: { type: 'string' }, prove: { type: 'string' }, proof: { type: 'string' } },
    allowPositionals: true,
  })
  const [directory] = positionals
  if (values.proof !== undefined) {
    if (values.key === undefined) throw new Error('--proof needs --key <public-key.pem>')
    const proof = JSON.parse(readFileSync(values.proof, 'utf8')) as Proof
    const verdict = verifyProof(proof, spkiOf(readFileSync(values.key, 'utf8')))
    say(verdict ?? `in digest ${JSON.parse(proof.digest.body).number}: the record is as it was sealed`)
    return verdict === undefined
  }
  if (directory === undefined)
    throw new Error('which trail? npm run audit:verify -- <directory> --key <public-key.pem>')
  const { publicKey, ...given } = readExport(directory, values.key)
  if (values.prove !== undefined) {
    const proof = proofFor(given, values.prove)
    if (!proof) throw new Error(`no digest of this export holds event ${values.prove}`)
    say(JSON.stringify(proof))
    return true
  }
  const { findings, sound, digests } = verifyExport(given, publicKey)
  for (const { what, where, why } of findings) say(`${what}: ${where}: ${why}`)
  say(`${sound} records in ${digests} digests are as they were sealed; ${findings.length} findings`)
  say(`newest digest: ${given.head?.body ?? 'none'}`)
  if (values.key === undefined) say('The public key was the one beside the trail: give one that you trust with --key.')
  return findings.length === 0
}

try {
  process.exitCode = main() ? 0 : 1
} catch (error) {
  process.stderr.write(`keystead: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}

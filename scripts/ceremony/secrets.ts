/** Custodians' passphrases and private keys: typed by each of them, or each in a file named like the custodian. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReadStream } from 'node:tty'
import { equal } from '../../lib/bytes.ts'

const control = { interrupt: 3, end: 4, backspace: 8, newLine: 10, return: 13, delete: 127 } as const
const longest = 1024

/**
 * Asks at the terminal, without showing what is typed.
 * @throws Error when there is no terminal, or the custodian breaks off
 */
export async function askSecret(question: string, input: ReadStream = process.stdin): Promise<Uint8Array> {
  if (!input.isTTY) throw new Error('There is no terminal to ask at: give --secrets <directory>.')
  process.stderr.write(question)
  const typed = Buffer.alloc(longest)
  let length = 0
  input.setRawMode(true)
  try {
    for await (const chunk of input.iterator({ destroyOnReturn: false })) {
      for (const byte of chunk as Buffer) {
        if (byte === control.interrupt || byte === control.end) throw new Error('Broken off.')
        if (byte === control.return || byte === control.newLine) return new Uint8Array(typed.subarray(0, length))
        if (byte === control.backspace || byte === control.delete) length = Math.max(0, length - 1)
        else if (length < longest) typed[length++] = byte
      }
      ;(chunk as Buffer).fill(0)
    }
    throw new Error('Broken off.')
  } finally {
    typed.fill(0)
    input.setRawMode(false)
    input.pause()
    process.stderr.write('\n')
  }
}

/** What the custodian's file holds, without the line's end that editors put there. */
function secretIn(directory: string, custodian: string): Uint8Array {
  const file = join(directory, custodian)
  if (!existsSync(file)) throw new Error(`There is no file of ${custodian} in ${directory}.`)
  const content = readFileSync(file)
  const end = content.findLastIndex((byte) => byte !== control.newLine && byte !== control.return) + 1
  const secret = new Uint8Array(content.subarray(0, end))
  content.fill(0)
  return secret
}

/** The secret that opens a custodian's share. */
export const secretOf = async (custodian: string, directory: string | undefined): Promise<Uint8Array> =>
  directory === undefined ? askSecret(`Passphrase of ${custodian}: `) : secretIn(directory, custodian)

/** The passphrase that is to lock a custodian's share: typed twice. @throws Error when the two differ */
export async function newPassphrase(custodian: string, directory: string | undefined): Promise<Uint8Array> {
  const first = await secretOf(custodian, directory)
  if (directory !== undefined) return first
  const second = await askSecret(`The same again, ${custodian}: `)
  if (!equal(first, second)) throw new Error(`${custodian} has typed two different passphrases.`)
  return first
}

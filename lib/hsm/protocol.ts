/** What the process that answers requests and the HSM's own process say to each other. */
import type { Hsm } from '../ports.ts'
import type { ErrorForm } from './error-forms.ts'
import type { HsmCounters, HsmOptions } from './hsm.ts'

/** The file descriptor of the socket between them, in the HSM's process. */
export const channelFd = 3

/** The first message, and the only one of its kind. */
export interface Opening {
  readonly id: number
  readonly options: Omit<HsmOptions, 'now'>
}

export interface Call {
  readonly id: number
  readonly method: keyof Hsm
  readonly given: readonly unknown[]
}

export interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: ErrorForm
  /** Since the process began. */
  readonly counters?: Readonly<HsmCounters>
}

/** Each by itself, so that one that is added to the port and not here does not compile. */
const methods: Readonly<Record<keyof Hsm, true>> = {
  random: true,
  generate: true,
  encrypt: true,
  decrypt: true,
  wrapSecret: true,
  mac: true,
  sign: true,
  generateMac: true,
  decryptAsymmetric: true,
  deriveSharedSecret: true,
  decapsulate: true,
  importMaterial: true,
  assertBound: true,
  macForPeers: true,
  deriveKey: true,
  check: true,
}
const names = Object.keys(methods) as readonly (keyof Hsm)[]

/** An HSM that has everything done by somebody else. */
export const hsmAsking = (ask: (method: keyof Hsm, given: readonly unknown[]) => Promise<unknown>): Hsm =>
  Object.fromEntries(
    names.map((method) => [method, (...given: readonly unknown[]) => ask(method, given)]),
  ) as unknown as Hsm

/** Has an HSM do what `hsmAsking` was told. */
export async function doneBy(hsm: Hsm, method: keyof Hsm, given: readonly unknown[]): Promise<unknown> {
  if (!names.includes(method)) throw new Error('Nothing that an HSM can do')
  const does = hsm[method] as (...given: readonly unknown[]) => Promise<unknown>
  return does.apply(hsm, [...given])
}

import type { Key, Material } from '../keys/key.ts'

/** What one Region has another do, or know, about a multi-Region key. */
export interface Letter {
  /** `create`: the replica that is to be there. `tell`: the sender's own. `leave`: the sender's own, which is no more. */
  readonly kind: 'create' | 'tell' | 'leave'
  readonly key: Key
  readonly materials: readonly Material[]
}

/** Letters and their answers as bytes. @throws SerializationException for bytes that are none */
export interface Letters {
  write(letter: Letter): Uint8Array
  read(body: Uint8Array): Letter
  writeAnswer(key: Key | undefined): Uint8Array
  readAnswer(body: Uint8Array): Key | undefined
}

/** The other Regions that multi-Region keys may be in. */
export interface Peers {
  readonly regions: readonly string[]
  /**
   * @returns the key there, as it is then; undefined when there is none
   * @throws DependencyTimeoutException when the Region cannot be reached; what it refused the letter with
   */
  send(region: string, letter: Letter): Promise<Key | undefined>
}

import type { KmsError } from '../../lib/errors.ts'

/** Writers who go on whatever becomes of what they write. */
export class Pressure {
  readonly #write: (left: number) => Promise<string>
  readonly acknowledged = new Set<string>()
  readonly refusals = new Set<string>()

  /** @param write resolves with the name of what is then durable */
  constructor(write: (left: number) => Promise<string>) {
    this.#write = write
  }

  /** As many writes in all, some at once. @returns how many were refused */
  async apply(count: number): Promise<number> {
    let left = count
    let refused = 0
    const writer = async (): Promise<void> => {
      while (left-- > 0) {
        try {
          this.acknowledged.add(await this.#write(left))
        } catch (error) {
          refused++
          const { name, message, status } = error as KmsError
          this.refusals.add(`${status} ${name}: ${message}`)
        }
      }
    }
    await Promise.all(Array.from({ length: 8 }, writer))
    return refused
  }
}

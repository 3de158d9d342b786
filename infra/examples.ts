import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Entry, root } from './catalog.ts'

/** One call of an operation, as AWS JSON has it. */
export interface Example {
  readonly request: Readonly<Record<string, unknown>>
  readonly response: Readonly<Record<string, unknown>>
}

/** One call of an action of IAM's or STS's, as their clients have it; of what is nowhere here, how it fails. */
export interface ServiceExample {
  readonly request: Example['request']
  readonly response?: Example['response']
  readonly error?: { readonly name: string; readonly message: string }
}

/** @throws Error when there is no example, or it is not JSON */
export const exampleOf = ({ group, kebab }: Pick<Entry, 'group' | 'kebab'>): Example => read(group, kebab) as Example
export const serviceExampleOf = ({ group, kebab }: Pick<Entry, 'group' | 'kebab'>): ServiceExample =>
  read(group, kebab) as ServiceExample

const read = (group: string, kebab: string): unknown =>
  JSON.parse(readFileSync(join(root, 'events', group, `${kebab}.json`), 'utf8'))

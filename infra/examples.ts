import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Entry, root } from './catalog.ts'

/** One call of an operation, as AWS JSON has it. */
export interface Example {
  readonly request: Readonly<Record<string, unknown>>
  readonly response: Readonly<Record<string, unknown>>
}

/** @throws Error when there is no example, or it is not JSON */
export const exampleOf = ({ group, kebab }: Pick<Entry, 'group' | 'kebab'>): Example =>
  JSON.parse(readFileSync(join(root, 'events', group, `${kebab}.json`), 'utf8')) as Example

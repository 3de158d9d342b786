/** Which condition keys a policy asks about, in its conditions and by its variables. */
import { parseUnambiguous } from './json.ts'
import { variablesIn } from './variables.ts'

type OneOrMore = string | readonly string[]
interface RawStatement {
  readonly Resource?: OneOrMore
  readonly NotResource?: OneOrMore
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}
interface RawPolicy {
  readonly Version?: string
  readonly Statement: RawStatement | readonly RawStatement[]
}

/**
 * As the policy writes them, each once.
 * @param text of a policy that has been read
 */
export function contextKeysIn(text: string): readonly string[] {
  const { Version, Statement } = parseUnambiguous(text) as RawPolicy
  const statements = [Statement].flat() as readonly RawStatement[]
  const keys = statements.flatMap(({ Resource, NotResource, Condition = {} }) => {
    const asked = Object.values(Condition).flatMap((byKey) => Object.entries(byKey))
    const texts = [Resource, NotResource, ...asked.map(([, values]) => values)].flat()
    const variables = Version === '2012-10-17' ? texts.flatMap((each) => variablesIn(String(each))) : []
    return [...asked.map(([key]) => key), ...variables]
  })
  return uniqueKeys(keys)
}

/** Keys are one whatever their case: the first spelling stands. */
export function uniqueKeys(keys: readonly string[]): readonly string[] {
  const found = new Map<string, string>()
  for (const key of keys) if (!found.has(key.toLowerCase())) found.set(key.toLowerCase(), key)
  return [...found.values()]
}

import { InvalidInput, LimitExceeded } from '../errors.ts'

export interface Tag {
  readonly Key: string
  readonly Value: string
}

/** Who creates something with tags must be allowed to tag it, as AWS has it: tags are what policies go by. */
export const alsoTags =
  (action: string) =>
  ({ Tags = [] }: { readonly Tags?: readonly Tag[] | undefined }): readonly string[] =>
    Tags.length > 0 ? [action] : []

const atMost = 50
const folded = (name: string): string => name.toLowerCase()

function refuseReserved(names: readonly string[]): void {
  if (names.some((name) => folded(name).startsWith('aws:')))
    throw new InvalidInput('The "aws:" prefix is reserved for AWS use. You cannot use it in tag keys.')
}

/** The tags after adding some. Keys are one whatever their case: a new one takes the place of the old. */
export function withTags(present: Readonly<Record<string, string>>, added: readonly Tag[]): Record<string, string> {
  const names = added.map(({ Key }) => Key)
  refuseReserved(names)
  if (new Set(names.map(folded)).size < names.length) {
    throw new InvalidInput('Duplicate tag keys found. Please note that Tag keys are case insensitive.')
  }
  const tags = { ...withoutTags(present, names), ...Object.fromEntries(added.map(({ Key, Value }) => [Key, Value])) }
  if (Object.keys(tags).length > atMost) throw new LimitExceeded('The number of tags has reached the maximum limit.')
  return tags
}

/** The tags without some; one that is not there is not missed. */
export function withoutTags(
  present: Readonly<Record<string, string>>,
  removed: readonly string[],
): Record<string, string> {
  const gone = new Set(removed.map(folded))
  return Object.fromEntries(Object.entries(present).filter(([name]) => !gone.has(folded(name))))
}

/** The tags of a principal under those of its session: keys are one whatever their case, and the session's hold. */
export const overlaid = (
  own: Readonly<Record<string, string>>,
  sessions: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> => ({ ...withoutTags(own, Object.keys(sessions)), ...sessions })

/** Ascending by name, as they are paged. */
export const sorted = (tags: Readonly<Record<string, string>>): readonly Tag[] =>
  Object.entries(tags)
    .map(([Key, Value]) => ({ Key, Value }))
    .sort((a, b) => (a.Key < b.Key ? -1 : 1))

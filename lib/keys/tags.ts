import { TagException } from '../errors.ts'

export interface Tag {
  readonly TagKey: string
  readonly TagValue: string
}

const atMost = 50

/** @throws TagException: tags beginning with `aws:`, in any case, are AWS's own */
export function refuseReserved(names: readonly string[]): void {
  if (names.some((name) => name.toLowerCase().startsWith('aws:'))) {
    throw new TagException('Tags beginning with aws: are reserved')
  }
}

/** The tags after adding some; one that is there already gets the new value. @throws TagException (kms-api.md §8.2) */
export function withTags(present: Readonly<Record<string, string>>, added: readonly Tag[]): Record<string, string> {
  const names = added.map((tag) => tag.TagKey)
  refuseReserved(names)
  if (new Set(names).size < names.length) throw new TagException('Duplicate tag keys')
  const tags = { ...present, ...Object.fromEntries(added.map((tag) => [tag.TagKey, tag.TagValue])) }
  if (Object.keys(tags).length > atMost) throw new TagException('Too many tags')
  return tags
}

/** The tags without some; one that is not there is not missed. */
export function withoutTags(
  present: Readonly<Record<string, string>>,
  removed: readonly string[],
): Record<string, string> {
  refuseReserved(removed)
  return Object.fromEntries(Object.entries(present).filter(([name]) => !removed.includes(name)))
}

/** Ascending by name, as they are paged. */
export const sorted = (tags: Readonly<Record<string, string>>): readonly Tag[] =>
  Object.entries(tags)
    .map(([TagKey, TagValue]) => ({ TagKey, TagValue }))
    .sort((a, b) => (a.TagKey < b.TagKey ? -1 : 1))

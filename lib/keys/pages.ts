import { textOf, utf8 } from '../bytes.ts'
import { InvalidMarkerException } from '../errors.ts'
import type { PageRequest } from '../ports.ts'

/** A list that AWS pages: its marker's tag, and how many items a page has by default and at the most. */
export interface Paging {
  readonly tag: string
  readonly byDefault: number
  readonly atMost: number
}

/** kms-api.md §8.4. */
export const paging = {
  keys: { tag: 'k', byDefault: 100, atMost: 1000 },
  aliases: { tag: 'a', byDefault: 50, atMost: 100 },
  grants: { tag: 'g', byDefault: 50, atMost: 100 },
  retirableGrants: { tag: 'rg', byDefault: 50, atMost: 100 },
  policies: { tag: 'p', byDefault: 100, atMost: 1000 },
  rotations: { tag: 'r', byDefault: 100, atMost: 1000 },
  tags: { tag: 't', byDefault: 50, atMost: 50 },
  versions: { tag: 'v', byDefault: 100, atMost: 1000 },
} as const satisfies Record<string, Paging>

interface PageInput {
  readonly Limit?: number | undefined
  readonly Marker?: string | undefined
}
interface PageEnd {
  readonly Truncated: boolean
  readonly NextMarker?: string
}

export const markerFor = (tag: string, after: string): string =>
  Buffer.from(utf8(`${tag}:${after}`)).toString('base64url')

/** The sort value that a marker holds; undefined for a marker that `markerFor` did not make with this tag. */
export function placeOf(tag: string, marker: string): string | undefined {
  const prefix = `${tag}:`
  const bytes = Buffer.from(marker, 'base64url')
  let text: string
  try {
    text = textOf(bytes)
  } catch {
    return
  }
  return text.startsWith(prefix) && bytes.toString('base64url') === marker ? text.slice(prefix.length) : undefined
}

/** @throws InvalidMarkerException (no message, as AWS) for a marker that this list did not give */
export function pageOf(input: PageInput, list: Paging): PageRequest {
  const limit = Math.min(input.Limit ?? list.byDefault, list.atMost)
  if (input.Marker === undefined) return { limit }
  const after = placeOf(list.tag, input.Marker)
  if (after === undefined) throw new InvalidMarkerException()
  return { limit, after }
}

/** @param last the sort value of the page's last item */
export const endOf = (list: Paging, more: boolean, last: string | undefined): PageEnd =>
  more && last !== undefined ? { Truncated: true, NextMarker: markerFor(list.tag, last) } : { Truncated: false }

/** A page of a list that is in memory, ascending by its sort value. */
export function slice<T>(items: readonly T[], sortValue: (item: T) => string, page: PageRequest) {
  const { after } = page
  const rest = after === undefined ? items : items.filter((item) => sortValue(item) > after)
  return { items: rest.slice(0, page.limit), more: rest.length > page.limit }
}

/** IAM's pages: MaxItems and Marker lead to IsTruncated and the next Marker. */
import { ValidationError } from '../errors.ts'
import { markerFor, placeOf } from '../keys/pages.ts'
import type { Page, PageRequest } from '../ports.ts'

export interface PageInput {
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
}

const tag = 'iam'

/** @throws ValidationError for a marker that no list gave */
export function pageOf({ MaxItems: limit = 100, Marker }: PageInput): PageRequest {
  if (Marker === undefined) return { limit }
  const after = placeOf(tag, Marker)
  if (after === undefined) throw new ValidationError('Invalid Marker.')
  return { limit, after }
}

export const markerOf = (end: string | undefined) =>
  end === undefined ? { IsTruncated: false } : { IsTruncated: true, Marker: markerFor(tag, end) }

export function endOf<T>({ items, more }: Page<T>, sortValue: (item: T) => string) {
  const last = items.at(-1)
  return markerOf(more && last !== undefined ? sortValue(last) : undefined)
}

import type { AuditRecord } from './record.ts'

/** First and last of numbers without a gap. */
export type Range = readonly [number, number]

/** Where a record stands in the trail: each process that writes numbers its records from 1. */
export interface TrailMark {
  /** UUID of the writing process. */
  readonly writer: string
  readonly sequence: number
  /** Numbers of records of this writer that could not be written, so that their absence is not taken for a removal. */
  readonly unwritten?: readonly Range[]
}

/** One line of the trail, and where it stands. */
export interface TrailLine {
  /** The day file that it is exported in: `audit-YYYY-MM-DD.jsonl`. */
  readonly file: string
  readonly mark: TrailMark
  /** The record's JSON, byte for byte as it was made. */
  readonly text: string
}

export const fileOfDay = (day: string): string => `audit-${day}.jsonl`

/** The record of a line, and its mark; undefined when it has none, or is no record. */
export function readLine(text: string): { readonly record: AuditRecord; readonly mark: TrailMark } | undefined {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    return undefined
  }
  const mark = isObject(record) ? record.trail : undefined
  return isMark(mark) ? { record: record as AuditRecord, mark } : undefined
}

/**
 * Where a line stands: by its mark; or, of what a crash has torn and of anything else that is no marked record, by its
 * place in its file.
 * @param offset of the line's first byte in its file
 */
export function placedLine(file: string, offset: number, text: string): TrailLine {
  const mark = readLine(text)?.mark ?? { writer: `${tornPrefix}${file}`, sequence: offset + 1 }
  return { file, mark, text }
}

const tornPrefix = 'torn:'

/** Whether a writer numbers its records without gaps. */
export const isCounting = (writer: string): boolean => !writer.startsWith(tornPrefix)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 1

const writerId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function isMark(value: unknown): value is TrailMark {
  if (!isObject(value)) return false
  const { writer, sequence, unwritten = [] } = value
  const named = typeof writer === 'string' && writerId.test(writer)
  return named && isNumber(sequence) && Array.isArray(unwritten) && unwritten.every(isRange)
}

function isRange(value: unknown): value is Range {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [first, last]: unknown[] = value
  return isNumber(first) && isNumber(last) && first <= last
}

/** What of `range` none of `ranges` covers. */
export function uncovered(range: Range, ranges: readonly Range[]): readonly Range[] {
  let left: Range[] = [range]
  for (const [from, to] of ranges) {
    left = left.flatMap(([first, last]): Range[] =>
      to < first || from > last
        ? [[first, last]]
        : [...(first < from ? [[first, from - 1] as const] : []), ...(to < last ? [[to + 1, last] as const] : [])],
    )
  }
  return left
}

/** Ascending numbers as ranges. */
export function rangesOf(numbers: readonly number[]): readonly Range[] {
  const ranges: [number, number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last && number === last[1] + 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges
}

export const isWithin = (ranges: readonly Range[], number: number): boolean =>
  ranges.some(([first, last]) => number >= first && number <= last)

/** Where the statements of a policy stand in its text, as IAM's simulator tells it. */
import { endOfString, nameAt } from './json.ts'

export interface Position {
  readonly Line: number
  readonly Column: number
}
export interface Span {
  readonly StartPosition: Position
  readonly EndPosition: Position
}

/** Both from one. */
function positionOf(text: string, at: number): Position {
  const before = text.slice(0, at).split('\n')
  return { Line: before.length, Column: (before.at(-1)?.length ?? 0) + 1 }
}

/**
 * Of each statement, in order. One begins, as AWS has it, where what is before it ends: behind the bracket of the list
 * or the statement before, and a single one behind its own brace. It ends behind its closing brace.
 * @param json a policy that can be read
 */
export function statementSpans(json: string): readonly Span[] {
  const spans: Span[] = []
  let depth = 0
  let isNamed = false
  let statements: { from: number; readonly level: number } | undefined
  for (let at = 0; at < json.length; at++) {
    const mark = json[at]
    if (mark === '"') {
      const end = endOfString(json, at)
      if (depth === 1) isNamed = nameAt(json, at, end) === 'Statement'
      at = end
    } else if (mark === '{' || mark === '[') {
      if (isNamed && depth === 1) statements = { from: at + 1, level: mark === '[' ? 2 : 1 }
      depth++
    } else if (mark === '}' || mark === ']') {
      depth--
      if (!statements || depth !== statements.level || mark === ']') continue
      spans.push({ StartPosition: positionOf(json, statements.from), EndPosition: positionOf(json, at + 1) })
      statements = depth === 1 ? undefined : { ...statements, from: at + 1 }
    }
  }
  return spans
}

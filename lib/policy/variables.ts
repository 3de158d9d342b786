import type { Pattern, Piece } from './wildcard.ts'

/**
 * The value of a key of which a policy can tell nothing: two that differ under one name, or more than is looked into.
 * Whatever is asked of it, it opens no Allow and holds off no Deny.
 */
export const unclear: unique symbol = Symbol('unclear')

/** A list marks a multi-valued key, also when it has one element. */
export type ContextValue = string | readonly string[] | typeof unclear

/** What is known of a request, by condition key. Key names are lower-case. */
export type RequestContext = Pick<ReadonlyMap<string, ContextValue>, 'get'>

interface Variable {
  readonly key: string
  readonly otherwise?: string
  /** Index after the closing brace. */
  readonly end: number
}

/** `${key}` or `${key, 'default'}` at `start`; undefined when it is neither. */
function variableAt(text: string, start: number): Variable | undefined {
  const close = text.indexOf('}', start)
  const comma = text.indexOf(',', start)
  if (close < 0) return
  if (comma < 0 || comma > close) return { key: text.slice(start + 2, close).trim(), end: close + 1 }
  let quote = comma + 1
  while (text[quote] === ' ') quote++
  const endQuote = text.indexOf("'", quote + 1)
  if (text[quote] !== "'" || endQuote < 0) return
  let end = endQuote + 1
  while (text[end] === ' ') end++
  if (text[end] !== '}') return
  return { key: text.slice(start + 2, comma).trim(), otherwise: text.slice(quote + 1, endQuote), end: end + 1 }
}

const escapes = ['*', '?', '$']

/** The context keys that stand in a policy's text as variables, as it has them. */
export function variablesIn(text: string): readonly string[] {
  const keys: string[] = []
  for (let start = text.indexOf('${'); start >= 0; start = text.indexOf('${', start + 2)) {
    const key = variableAt(text, start)?.key
    if (key && !escapes.includes(key)) keys.push(key)
  }
  return keys
}

/**
 * Policy text with its variables replaced (kms-authz.md §2.5). What replaces one is data: a `*` in a caller's tag is
 * no wildcard. Undefined when a variable has neither a single value nor a default, or cannot be read; unclear when its
 * value is.
 */
export function expand(text: string, context: RequestContext): Pattern | typeof unclear | undefined {
  const pieces: Piece[] = []
  let at = 0
  for (let start = text.indexOf('${'); start >= 0; start = text.indexOf('${', at)) {
    const variable = variableAt(text, start)
    if (!variable?.key) return
    pieces.push({ text: text.slice(at, start), data: false })
    const value = escapes.includes(variable.key) ? variable.key : context.get(variable.key.toLowerCase())
    const data = value ?? variable.otherwise
    if (data === unclear) return unclear
    if (typeof data !== 'string') return
    pieces.push({ text: data, data: true })
    at = variable.end
  }
  pieces.push({ text: text.slice(at), data: false })
  return pieces.filter((piece) => piece.text !== '')
}

const blank = /[\t\n\r ]/

/** Index of the quote that ends the string begun at `start`. */
export function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

/** The name of a member, from quote to quote; undefined when no value follows the string. */
export function nameAt(json: string, start: number, end: number): string | undefined {
  let next = end + 1
  while (blank.test(json[next] ?? '')) next++
  return json[next] === ':' ? String(JSON.parse(json.slice(start, end + 1))) : undefined
}

/**
 * Whether an object of this JSON names a member twice. JSON.parse keeps the last in silence: a policy with two
 * Conditions would lose one, and be wider than it reads.
 */
function repeatsMember(json: string): boolean {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < json.length; at++) {
    const mark = json[at]
    if (mark === '{') open.push(new Set())
    else if (mark === '[') open.push(undefined)
    else if (mark === '}' || mark === ']') open.pop()
    else if (mark === '"') {
      const end = endOfString(json, at)
      const name = nameAt(json, at, end)
      const members = open.at(-1)
      if (members && name !== undefined) {
        if (members.has(name)) return true
        members.add(name)
      }
      at = end
    }
  }
  return false
}

/** The value, or undefined (which JSON cannot say) when this is not JSON or names a member twice. */
export function parseUnambiguous(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json)
    return repeatsMember(json) ? undefined : value
  } catch {
    return undefined
  }
}

/** YAML of plain data, one way to write each thing: what is derived must not change unless its meaning does. */

const plain = /^[A-Za-z/_][\w /.:(){}<>,'-]*[\w)>}]$/
/** What YAML would read as something other than this text. */
const ambiguous = /^(?:true|false|null|yes|no|on|off|y|n)$|: |:$| #/i

const scalar = (value: unknown): string =>
  typeof value === 'string' && plain.test(value) && !ambiguous.test(value) ? value : JSON.stringify(value)

const isCollection = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0

function lines(value: object): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((each: unknown) => {
      if (!isCollection(each)) return [`- ${scalar(each)}`]
      return lines(each).map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`))
    })
  }
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    if (!isCollection(member)) return [`${scalar(name)}: ${scalar(member)}`]
    return [`${scalar(name)}:`, ...lines(member).map((line) => `  ${line}`)]
  })
}

export const yamlOf = (value: object): string => `${lines(value).join('\n')}\n`

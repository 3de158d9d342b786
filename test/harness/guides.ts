/** Guides as they stand: their files, their commands, and what they say is printed. */
import { readFileSync } from 'node:fs'

export interface Guide {
  readonly files: readonly { readonly name: string; readonly text: string }[]
  readonly script: string
  readonly prints: readonly string[]
}

/** A fenced block counts when a comment before it says what it is: `file: <name>`, `run` or `prints`. */
export function guideIn(path: string): Guide {
  const text = readFileSync(path, 'utf8')
  const blocks = [...text.matchAll(/^<!-- (file|run|prints)(?:: (\S+))? -->\n```\w*\n([\s\S]*?)^```$/gm)].map(
    ([, kind, name = '', body = '']) => ({ kind, name, text: body }),
  )
  const of = (kind: string) => blocks.filter((block) => block.kind === kind)
  return {
    files: of('file'),
    script: of('run')
      .map((block) => block.text)
      .join(''),
    prints: of('prints').flatMap((block) => block.text.trimEnd().split('\n')),
  }
}

/** A line as a guide shows it, where `…` stands for what is another each time. */
export const shown = (line: string): RegExp => new RegExp(`^${line.split('…').map(RegExp.escape).join('.+')}$`)

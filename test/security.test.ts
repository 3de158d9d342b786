/** SECURITY.md says which test holds which claim: this holds it to that. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const root = new URL('../', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8')

/** The rows of the table under a heading, without its head. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const section = read('SECURITY.md').split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))
}

const threats = rowsUnder('What is defended, and how').map(([asset, threat]) => `${asset}: ${threat}`)
const claims = rowsUnder('Which test holds what').map(([threat = '', tests = '']) => ({
  threat,
  tests: Array.from(tests.matchAll(/`(test\/[\w/.-]+\.test\.ts)`((?: “[^”]+”)+)/g), ([, file = '', titles = '']) => ({
    file,
    titles: Array.from(titles.matchAll(/“([^”]+)”/g), ([, title = '']) => title),
  })),
  rest: tests.replace(/`test\/[\w/.-]+\.test\.ts`(?: “[^”]+”)+/g, '').replaceAll('<br>', ''),
}))

test('every threat that is said to be defended against has tests that are named', () => {
  expect(threats.length).toBeGreaterThan(25)
  expect(threats.filter((threat) => !claims.some((claim) => claim.threat === threat))).toEqual([])
  expect(new Set(claims.map(({ threat }) => threat)).size).toBe(claims.length)
})

describe('the tests that are named are there', () => {
  test.each(claims)('$threat', ({ tests, rest }) => {
    expect([tests.length > 0, rest]).toEqual([true, ''])
    for (const { file, titles } of tests) {
      expect([file, existsSync(new URL(file, root))]).toEqual([file, true])
      const text = read(file)
      // As a title, of one test or of a row of a table of tests: a string that begins with it.
      const missing = titles.filter((title) => !['`', "'", '"'].some((quote) => text.includes(quote + title)))
      expect([file, missing]).toEqual([file, []])
    }
  })
})

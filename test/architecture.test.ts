/** Who may import whom, and the few rules about files that a reader relies on (each layer in `places` may import those before it). */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const sourceFolders = ['functions', 'lib', 'infra', 'scripts', 'test', 'bench', 'localstack']

const files = sourceFolders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
  )
  .filter((file) => /\.[cm]?[jt]s$/.test(file) && !file.includes('node_modules/'))
  .sort()

const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const lineCount = (file: string): number => textOf(file).trimEnd().split('\n').length

const importPattern = /^(?:import|export)\s(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

/** What a text imports: files by their path from the root, packages by their name. */
function importsOf(file: string, text: string): readonly string[] {
  return Array.from(text.matchAll(importPattern), ([, fixed, dynamic]) => fixed ?? dynamic ?? '').map((name) =>
    name.startsWith('.') ? join(dirname(file), name) : name,
  )
}
const imports = new Map(files.map((file) => [file, importsOf(file, textOf(file))]))

const layers = ['ground', 'nouns', 'procedure', 'edges', 'functions', 'outside'] as const
type Layer = (typeof layers)[number]

const places: readonly (readonly [RegExp, Layer])[] = [
  [/^lib\/(?:errors|bytes|arn|group-commit|setting-kinds)\.ts$|^lib\/schema\//, 'ground'],
  [/^lib\/(?:crypto|keys|grants|policy|identity|audit|stores|regions|metrics|rates)\/|^lib\/ports\.ts$/, 'nouns'],
  [
    /^lib\/(?:operation|services|failures|perform|authenticate|resolve|request-context|authorize|scheduled|receive)\.ts$/,
    'procedure',
  ],
  [/^lib\/(?:store|hsm|sinks|http|oidc|xks|peers)\/|^lib\/(?:config|runtime)\.ts$/, 'edges'],
  // What is derived from the registry stands where the registry stands.
  [/^functions\/|^infra\/derived\//, 'functions'],
  [/^(?:infra|events|test|scripts|bench|localstack|console)\//, 'outside'],
]
const layerOf = (file: string): Layer | undefined => places.find(([pattern]) => pattern.test(file))?.[1]

/** `lib/http/serve.ts` and `lib/http/event.ts` are one edge; a file by itself is one too. */
const edgeOf = (file: string): string => file.split('/').slice(0, 2).join('/')

/** Every import that breaks a rule, as `from -> to`. */
function broken(rule: (from: string, to: string) => boolean): readonly string[] {
  return Array.from(imports).flatMap(([from, to]) =>
    to.filter((each) => !rule(from, each)).map((each) => `${from} -> ${each}`),
  )
}

const rank = (file: string): number => layers.indexOf(layerOf(file) ?? 'outside')

/** Imports that are there when the program runs: types are not, and may refer to each other. */
const runtimeImportsOf = (file: string): readonly string[] =>
  importsOf(file, textOf(file).replace(/^import type\s[^'"]*?from\s+'[^']+'$/gm, ''))

describe('imports', () => {
  test('are seen in every form', () => {
    const text = [
      "import { a } from './a.ts'",
      "import type { b } from '../b.ts'",
      "import './c.ts'",
      "export { d } from './d.ts'",
      "import {\n  e,\n} from 'e'",
      `const f = await import${"('./f.ts')"}`,
      "import g, { h } from 'node:g'",
    ].join('\n')
    expect(importsOf('lib/x/y.ts', text)).toEqual([
      'lib/x/a.ts',
      'lib/b.ts',
      'lib/x/c.ts',
      'lib/x/d.ts',
      'e',
      'lib/x/f.ts',
      'node:g',
    ])
  })
  test('every file is of one layer', () => {
    expect(files.filter((file) => layerOf(file) === undefined)).toEqual([])
  })
  test('every file imported is there, and is named with its ending', () => {
    expect(broken((_, to) => layerOf(to) === undefined || files.includes(to) || to.endsWith('.json'))).toEqual([])
  })
  test('a layer imports only itself and layers below it', () => {
    expect(broken((from, to) => layerOf(to) === undefined || rank(to) <= rank(from))).toEqual([])
  })
  test("ground imports Node's own modules only", () => {
    expect(
      broken((from, to) => layerOf(from) !== 'ground' || layerOf(to) !== undefined || to.startsWith('node:')),
    ).toEqual([])
  })
  test('AWS clients, the HSM and the Lambda middleware are for edges', () => {
    const forEdges = /^(?:@aws-sdk\/|@smithy\/|@middy\/|pkcs11js$|dynalite$|koffi$)/
    expect(
      broken((from, to) => !forEdges.test(to) || layerOf(from) === 'edges' || layerOf(from) === 'outside'),
    ).toEqual([])
  })
  test('edges meet in runtime only', () => {
    expect(
      broken((from, to) => {
        if (layerOf(from) !== 'edges' || layerOf(to) !== 'edges' || edgeOf(from) === edgeOf(to)) return true
        return from === 'lib/runtime.ts' || (edgeOf(from) === 'lib/http' && to === 'lib/runtime.ts')
      }),
    ).toEqual([])
  })
  test('an operation reaches the world through serve only, and no other operation', () => {
    const knowsAll = [
      'functions/index.ts',
      'functions/front-door.ts',
      'functions/scheduled/index.ts',
      'functions/identity/iam.ts',
      'functions/identity/sts.ts',
    ]
    expect(
      broken((from, to) => {
        if (layerOf(from) !== 'functions') return true
        if (from === 'functions/documents.ts') return to === 'lib/http/documents.ts' || to.endsWith('.json')
        const scheduled = from.startsWith('functions/scheduled/')
        if (layerOf(to) === 'edges') return to === (scheduled ? 'lib/http/serve-schedule.ts' : 'lib/http/serve.ts')
        return layerOf(to) !== 'functions' || knowsAll.includes(from)
      }),
    ).toEqual([])
  })
  test('nouns have no cycles', () => {
    const nouns = files.filter((file) => layerOf(file) === 'nouns')
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (done.has(file)) return
      for (const each of runtimeImportsOf(file)) if (nouns.includes(each)) visit(each, [...path, file])
      done.add(file)
    }
    for (const file of nouns) visit(file, [])
    expect(cycles).toEqual([])
  })
})

const named = (pattern: RegExp): readonly string[] => files.filter((file) => pattern.test(basename(file)))
const holding = (pattern: RegExp, where: (file: string) => boolean): readonly string[] =>
  files.filter((file) => where(file) && pattern.test(textOf(file)))

describe('files', () => {
  test('no file is a drawer', () => {
    expect(named(/^(?:utils?|helpers?|common|manager|service)\.[cm]?[jt]s$/)).toEqual([])
  })
  test('nothing is exported by default', () => {
    expect(holding(/^export default\b/m, () => true)).toEqual([])
  })
  test('nothing is exported from elsewhere', () => {
    expect(holding(/^export\s+(?:type\s+)?(?:\*|\{[^}]*\})(?:\s+as\s+\w+)?\s+from\b/m, () => true)).toEqual([])
  })
  test('an operation fits on a page', () => {
    expect(files.filter((file) => /^functions\/\w+\/[\w-]+\.ts$/.test(file) && lineCount(file) > 70)).toEqual([])
  })
  test('a file of lib/, or of actions by their noun, can be read in one go', () => {
    const whole = /^lib\/|^functions\/identity\/\w+\//
    expect(files.filter((file) => whole.test(file) && lineCount(file) > 300)).toEqual([])
  })
  test('time and chance come in as arguments, but at the edges', () => {
    const pure = (file: string) => layerOf(file) !== 'edges' && layerOf(file) !== 'outside'
    const sources =
      /\bDate\.now\b|\bMath\.random\b|\bnew Date\(\)|\bperformance\.now\b|\brandom(?:UUID|Bytes|Int)\b|\bgetRandomValues\b/
    expect(holding(sources, pure)).toEqual([])
  })
  test('an operation has no failures to catch and no key state to look at', () => {
    expect(holding(/\bcatch\b|\.state\s*[!=]==/, (file) => /^functions\/\w+\//.test(file))).toEqual([])
  })
})

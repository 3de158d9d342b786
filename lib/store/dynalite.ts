/** The parts of dynalite 4 that the embedded store is made of; it comes without types. */
import { createRequire } from 'node:module'

export type AttributeMap = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** An error with a `statusCode` is an answer, and has its `body`. */
export type Callback<T> = (error: unknown, value?: T) => void

export interface TableRecord {
  readonly GlobalSecondaryIndexes: readonly object[]
}

export type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: unknown }
  | { readonly type: 'del'; readonly key: string }

/** A part of the database with a prefix of its own, which its methods add to the key. */
interface Section<T> {
  put(key: string, value: T): void
  get(key: string, callback: Callback<T>): void
  del(key: string): void
  readonly lock: (key: string, run: (release: () => () => void) => void) => void
}

/** LevelDB. dynalite puts methods of its own over `put`, `del` and `batch`, without their options. */
export interface Level {
  open(): Promise<void>
  close(): Promise<void>
  put(key: string, value: unknown): void
  del(key: string): void
  batch(writes: readonly Write[], options: { readonly sync: boolean }): Promise<void>
}

export interface Database {
  readonly db: Level
  readonly tableDb: Section<TableRecord>
  getItemDb(table: string): Section<AttributeMap>
  getIndexDb(type: 'global', table: string, index: string): Section<AttributeMap>
  getTable(name: string, callback: Callback<TableRecord>): void
}

interface Engine {
  create(options: { readonly path: string }): Database
  createKey(attributes: AttributeMap, table: TableRecord): string
  validateItem(item: AttributeMap, table: TableRecord): Error | null | undefined
  validateKey(key: AttributeMap, table: TableRecord): Error | null | undefined
  checkConditional(request: object, existing: AttributeMap | undefined): Error | null | undefined
  getIndexActions(
    indexes: readonly object[],
    existing: AttributeMap | undefined,
    item: AttributeMap | undefined,
    table: TableRecord,
  ): {
    readonly puts: readonly { readonly index: string; readonly key: string; readonly item: AttributeMap }[]
    readonly deletes: readonly { readonly index: string; readonly key: string }[]
  }
}

/** Checks a request and parses its expressions. Throws answers. */
interface Validations {
  checkTypes(request: object, types: object): object
  checkValidations(request: object, types: object, custom: unknown, database: Database): void
}
interface Rules {
  readonly types: object
  readonly custom: unknown
}
export type Action = (database: Database, request: object, callback: Callback<object>) => void

/** Loaded by whoever opens an embedded store, and by no bundle: deployments on DynamoDB have no use for it. */
export function loadDynalite() {
  const load = createRequire(import.meta.url)
  return {
    engine: load('dynalite/db/index.js') as Engine,
    validations: load('dynalite/validations/index.js') as Validations,
    rulesOf: (action: string) => load(`dynalite/validations/${action}.js`) as Rules,
    actionOf: (action: string) => load(`dynalite/actions/${action}.js`) as Action,
  }
}

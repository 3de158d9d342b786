/** `KEYSTEAD_SEED`: keys and aliases that are there before anybody can ask for them (docs/seed.md). */
import { createAlias } from '../../functions/aliases/create-alias.ts'
import { createKey } from '../../functions/keys/create-key.ts'
import { rootArn } from '../../lib/arn.ts'
import { AuditEntry } from '../../lib/audit/entry.ts'
import { permitsUnder } from '../../lib/authorize.ts'
import { AlreadyExistsException } from '../../lib/errors.ts'
import type { Caller } from '../../lib/identity/caller.ts'
import type { AnyOperation, Request } from '../../lib/operation.ts'
import type { World } from '../../lib/perform.ts'
import { Conflict } from '../../lib/ports.ts'
import { readSeedFile, type SeedFile } from './file.ts'
import { type Seed, seedIn } from './format.ts'
import { importer } from './material.ts'
import { demandRoom, type Ground, type PlannedAlias, type PlannedKey, plannedAlias, plannedKey } from './plan.ts'

export interface Planted {
  readonly made: number
  /** They were there, and are as they were. */
  readonly kept: number
}

/** Whoever says what a start seeds has the account: it is the root user's doing, and is recorded so. */
const callerIn = (world: World): Caller => {
  const { account } = world
  return { type: 'Root', account, arn: rootArn(world), principalId: account, accessKeyId: '' }
}
const agent = 'Keystead seed'

function groundOf(world: World, file: SeedFile): Ground {
  const { partition, region, account } = world
  const place = { partition, region, account }
  const now = world.now()
  const caller = callerIn(world)
  const headers = { 'user-agent': agent }
  const from = { method: 'POST', path: '/', query: '', headers, body: new Uint8Array(), sourceIp: '127.0.0.1' }
  const request: Request = { id: world.uuid(), secure: false, ...from }
  return {
    world,
    file,
    place,
    now,
    importer: importer(world.hsm, account, file.fail),
    permits: ({ input }, action, policy) =>
      permitsUnder({ operation: createKey, input, sent: input, request, caller, place, now }, [])(action, policy),
  }
}

function demandDistinct(
  names: readonly { readonly path: readonly (string | number)[]; readonly name: string }[],
  { fail }: SeedFile,
): void {
  const seen = new Set<string>()
  for (const { path, name } of names) {
    if (seen.has(name)) fail(path, `is in the file twice (${name})`)
    seen.add(name)
  }
}

interface Change {
  readonly operation: AnyOperation
  readonly input: object
  /** What it is about; the last one is the key. */
  readonly arns: readonly string[]
  readonly make: () => Promise<void>
}

/** On record as the call that makes the same would be: before it is made, and after. @returns whether it was made here */
async function recorded(world: World, { operation, input, arns, make }: Change): Promise<boolean> {
  const { region, account } = world
  const entry = new AuditEntry({
    requestId: world.uuid(),
    eventId: world.uuid(),
    eventName: operation.name,
    eventSource: 'kms.amazonaws.com',
    readOnly: operation.readOnly,
    region,
    account,
    sourceIp: agent,
    userAgent: agent,
    at: world.now(),
  })
  entry.by(callerIn(world))
  entry.asked(operation.input.redact(input) as Record<string, unknown>)
  for (const arn of arns) entry.touched(arn, account)
  const intent = entry.begins(world.uuid())
  if (intent) await world.audit.write(intent)
  try {
    await make()
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    // Another process was first.
    await world.audit.write(entry.failed(new AlreadyExistsException()))
    return false
  }
  await world.audit.write(entry.succeeded({ keyId: arns.at(-1) }))
  return true
}

/** Material first, over what a start that was cut off has left of it; then the key, by the write that makes it one. */
const keyChange = (world: World, { seeded, key, materials }: PlannedKey): Change => ({
  operation: createKey,
  input: seeded.input,
  arns: [key.arn],
  async make() {
    for (const material of materials) await world.materials.put(material)
    await world.keyStore.create(key)
  },
})

const aliasChange = (world: World, { seeded, target, alias }: PlannedAlias): Change => ({
  operation: createAlias,
  input: seeded.input,
  arns: [alias.arn, target.arn],
  make: () => world.aliases.create(alias),
})

function demandSoftware({ keys }: Seed, { fail }: SeedFile): void {
  const [given] = keys.flatMap(({ material }) => material)
  if (given) fail(given.path, 'gives key material, which only a software token takes (KEYSTEAD_HSM_PROFILE=softhsm)')
}

/**
 * Makes what the file names and is not there. All of it is read, checked and planned first: a file with a mistake
 * changes nothing.
 * @throws SeedError
 */
export async function plant(world: World, path: string, token: { readonly software: boolean }): Promise<Planted> {
  const file = readSeedFile(path)
  const seed = seedIn(file)
  if (!token.software) demandSoftware(seed, file)
  const { keys, aliases } = seed
  demandDistinct(
    keys.map(({ path, id }) => ({ path, name: id })),
    file,
  )
  demandDistinct(
    aliases.map(({ path, input }) => ({ path, name: input.AliasName })),
    file,
  )

  const ground = groundOf(world, file)
  const plannedKeys: PlannedKey[] = []
  for (const each of keys) {
    const planned = await plannedKey(ground, each)
    if (planned) plannedKeys.push(planned)
  }
  const plannedAliases: PlannedAlias[] = []
  for (const each of aliases) {
    const planned = await plannedAlias(ground, each, plannedKeys)
    if (planned) plannedAliases.push(planned)
  }
  await demandRoom(ground, plannedAliases)

  let count = 0
  const changes = [
    ...plannedKeys.map((each) => keyChange(world, each)),
    ...plannedAliases.map((each) => aliasChange(world, each)),
  ]
  for (const change of changes) if (await recorded(world, change)) count++
  return { made: count, kept: keys.length + aliases.length - count }
}

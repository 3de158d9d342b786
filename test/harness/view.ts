/** All that can be seen of a deployment: by what it comes to, two of its states are told apart. */
import type { Staged } from './actions.ts'
import { validInputs } from './inputs.ts'
import { type Lasting, startOn } from './mortal.ts'
import { asForm } from './query.ts'
import { type Answer, account, base64, type TestWorld } from './world.ts'

type Members = Readonly<Record<string, unknown>>
type View = Readonly<Record<string, readonly unknown[]>>

const identifiers =
  /mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|cks-[0-9a-f]+|A(?:IDA|ROA|GPA|NPA|KIA)[A-Z2-7]{16,17}/g

/** Everything that is named by chance, now. */
export const identifiersIn = ({ tables }: Lasting): ReadonlySet<string> =>
  new Set(JSON.stringify(Array.from(tables.values(), (items) => [...items])).match(identifiers))

/** Asks a fresh process, in each Region, for all that can be seen there: what is new and named by chance by its kind. */
export async function view(lasting: Lasting, known: ReadonlySet<string>, at: Staged, of = keys): Promise<string> {
  const { worlds } = startOn(lasting).network
  const named = (value: unknown): string =>
    JSON.stringify(value).replace(identifiers, (id) => (known.has(id) ? id : '<new>'))
  const seen: string[] = []
  for (const [region, world] of worlds) {
    for (const [kind, all] of Object.entries(await of(world, at))) seen.push(region, kind, ...all.map(named).sort())
  }
  return seen.join('\n')
}

/** Keys, with what they are and what comes of using them, aliases and key stores. */
export async function keys(world: TestWorld, at: Staged): Promise<View> {
  const ask = async (action: string, input: Members = {}) => (await world.call(action, input)).json
  const { Keys } = await ask('ListKeys')
  const all = await Promise.all(
    Keys.map(async ({ KeyId }: { KeyId: string }) => {
      const { KeyMetadata } = await ask('DescribeKey', { KeyId })
      const versions = await ask('ListKeyVersions', { KeyId })
      const rotation = await ask('GetKeyRotationStatus', { KeyId })
      const tags = await ask('ListResourceTags', { KeyId })
      const grants = await ask('ListGrants', { KeyId })
      const policy = await ask('GetKeyPolicy', { KeyId })
      return { KeyMetadata, versions, rotation, tags, grants, policy, use: await useOf(world, KeyMetadata, at) }
    }),
  )
  const { Aliases } = await ask('ListAliases')
  const targets = new Set(Keys.map(({ KeyId }: { KeyId: string }) => KeyId))
  const { CustomKeyStores } = await ask('DescribeCustomKeyStores')
  const dangling = Aliases.filter(({ TargetKeyId }: { TargetKeyId: string }) => !targets.has(TargetKeyId))
  return { keys: all, aliases: Aliases, stores: CustomKeyStores, dangling }
}

/** What comes of using a key: round trips, and what was encrypted long ago. */
async function useOf(world: TestWorld, key: { KeyId: string; KeyUsage: string }, at: Staged): Promise<unknown> {
  const { KeyId } = key
  const calls: Readonly<Record<string, () => Promise<Answer>>> = {
    ENCRYPT_DECRYPT: async () => {
      const encrypted = await world.call('Encrypt', { KeyId, Plaintext: base64('x') })
      if (encrypted.status !== 200) return encrypted
      return world.call('Decrypt', { KeyId, CiphertextBlob: encrypted.json.CiphertextBlob })
    },
    GENERATE_VERIFY_MAC: async () => world.call('VerifyMac', { ...validInputs.VerifyMac?.(at), KeyId }),
    SIGN_VERIFY: async () => world.call('Sign', { ...validInputs.Sign?.(at), KeyId }),
  }
  const outcome = await calls[key.KeyUsage]?.()
  const old = KeyId === at.keyId ? await world.call('Decrypt', validInputs.Decrypt?.(at) ?? {}) : undefined
  return [outcome, old].map((answer) => answer && [answer.status, answer.json.Plaintext, answer.json.__type])
}

/** Users, roles, groups, policies and providers: who is found by name, what is kept of them, and who is counted where. */
export async function identities(world: TestWorld, at: Staged): Promise<View> {
  const { users, roles, groups, managedPolicies, oidcProviders } = world.store.principals
  const page = { limit: 100 }
  const lists = [users, roles, groups, managedPolicies, oidcProviders].map((each) => each.list(account, page))
  const [foundUsers, foundRoles, foundGroups, policies, providers] = await Promise.all(lists)
  const shown = async (action: string, input: object): Promise<string> =>
    (await asForm(world, action, input)).text.replace(/<RequestId>.*?<\/RequestId>/, '')
  const counted = await Promise.all([
    ...(policies?.items ?? []).map(({ arn }) => shown('GetPolicy', { PolicyArn: arn })),
    ...(foundGroups?.items ?? []).flatMap((each) =>
      'name' in each ? shown('GetGroup', { GroupName: each.name }) : [],
    ),
  ])
  const key = await asForm(world, 'GetCallerIdentity', {}, at.identities.credentials)
  const kept = [foundUsers, foundRoles, foundGroups, policies, providers].map((found) =>
    (found?.items ?? []).map(({ revision: _, ...each }) => each),
  )
  return { kept: kept.flat(), counted, key: [[key.status, key.error]] }
}

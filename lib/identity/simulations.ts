/** Whom and what IAM's policy simulator is asked about: policies of somebody, policies that are given, and a request. */
import { parseArn } from '../arn.ts'
import { InvalidInput, KmsError, NoSuchEntity } from '../errors.ts'
import { areReadable, parseOperator } from '../policy/conditions.ts'
import { contextKeysIn } from '../policy/context-keys.ts'
import type { PolicyDocument } from '../policy/document.ts'
import { parseIdentityPolicy, parseStoredIdentityPolicy } from '../policy/policies.ts'
import { statementSpans } from '../policy/positions.ts'
import type { PolicyCaller } from '../policy/principals.ts'
import type { Source } from '../policy/simulation.ts'
import type { ContextValue } from '../policy/variables.ts'
import type { AttachedPolicy } from './caller.ts'
import type { Group, PolicyHolder, Role, User } from './entities.ts'
import { type Asked, demandHolder, groups, roles, users } from './holders.ts'
import type { Principals } from './ports.ts'
import { attachedPolicy } from './principals.ts'
import { stsArn } from './session-callers.ts'

const kinds = { user: users, role: roles, group: groups } as const

interface Named {
  readonly arn: string
  readonly account: string
  readonly partition: string
  readonly type: keyof typeof kinds
  readonly name: string
}

/** @throws InvalidInput for what is no ARN of a user, role or group */
function namedBy(text: string): Named {
  const arn = parseArn(text)
  const [, type, name] = /^(user|role|group)\/(?:[!-~]*\/)?([\w+=,.@-]+)$/.exec(arn?.resource ?? '') ?? []
  if (arn?.service !== 'iam' || arn.region !== '' || !/^\d{12}$/.test(arn.account) || name === undefined) {
    throw new InvalidInput(`Invalid Entity Arn: ${text} does not clearly define entity type and name.`)
  }
  return { arn: text, account: arn.account, partition: arn.partition, type: type as Named['type'], name }
}

/** @throws NoSuchEntity, InvalidInput */
export async function demandPrincipal(text: string, asked: Asked): Promise<User | Role | Group> {
  const { account, type, name } = namedBy(text)
  const found = account === asked.place.account && (await demandHolder<PolicyHolder>(kinds[type], name, asked))
  if (!found || found.arn !== text) throw new NoSuchEntity(`The ${type} with name ${name} cannot be found.`)
  return found as User | Role | Group
}

/** Somebody who asks as the simulator has it. @param found of whom more is known than the ARN */
export function simulatedCaller(text: string, found?: PolicyHolder) {
  const { arn, account, partition, type, name } = namedBy(text)
  const id = found?.id ?? ''
  const session = 'simulation'
  const caller: PolicyCaller =
    type === 'role'
      ? {
          type: 'AssumedRole',
          account,
          arn: stsArn({ partition, account }, `assumed-role/${name}/${session}`),
          roleArn: arn,
          principalId: `${id}:${session}`,
        }
      : { type: 'User', account, arn, principalId: id, userName: name }
  const known: [string, ContextValue][] = [
    ['aws:principalarn', arn],
    ['aws:principalaccount', account],
    ['aws:principaltype', caller.type],
    ...Object.entries(found?.tags ?? {}).map(([key, value]): [string, ContextValue] => [
      `aws:principaltag/${key.toLowerCase()}`,
      value,
    ]),
  ]
  if (type === 'user') known.push(['aws:username', name])
  if (type === 'user' && found) known.push(['aws:userid', id])
  return { caller, known }
}

interface Entry {
  readonly ContextKeyName?: string | undefined
  readonly ContextKeyValues?: readonly string[] | undefined
  readonly ContextKeyType?: string | undefined
}

/** An operator that reads values of a type, where not every text is one. */
const readers: Readonly<Record<string, string>> = {
  numeric: 'NumericEquals',
  boolean: 'Bool',
  ip: 'IpAddress',
  date: 'DateEquals',
}

/** The condition keys of the request: what is known of the caller, and over it what is given. @throws InvalidInput */
export function simulatedContext(known: readonly [string, ContextValue][], entries: readonly Entry[]) {
  const given = entries.map(
    ({ ContextKeyName = '', ContextKeyValues = [], ContextKeyType }): [string, ContextValue] => {
      const [, type = '', list] = /^([a-z]+?)(List)?$/.exec(ContextKeyType ?? '') ?? []
      const operator = parseOperator(readers[type] ?? '')
      if (operator && !areReadable(operator, ContextKeyValues)) {
        throw new InvalidInput(`Context key ${ContextKeyName} has a value that is not of type ${ContextKeyType}`)
      }
      const [only = '', ...more] = ContextKeyValues
      if (type !== '' && !list && more.length > 0) {
        throw new InvalidInput(`Context key ${ContextKeyName} of type ${ContextKeyType} must have one value`)
      }
      return [ContextKeyName.toLowerCase(), list || ContextKeyValues.length !== 1 ? ContextKeyValues : only]
    },
  )
  if (new Set(given.map(([key]) => key)).size < given.length) {
    throw new InvalidInput('A context key must not be given more than once.')
  }
  return new Map([...known, ...given])
}

function sourceOf(name: string, type: Source['type'], text: string, document: PolicyDocument | undefined): Source {
  const readable = document ? { spans: statementSpans(text), contextKeys: contextKeysIn(text) } : undefined
  return { name, type, document, ...(readable ?? { spans: [], contextKeys: [] }) }
}

/** Policies that are sent to be tried. @throws InvalidInput */
export const givenSources = (
  member: string,
  type: Source['type'],
  texts: readonly string[],
  parse: (text: string) => PolicyDocument = parseIdentityPolicy,
): readonly Source[] =>
  texts.map((text, index) => {
    try {
      return sourceOf(member.replace('N', String(index + 1)), type, text, parse(text))
    } catch (error) {
      // That it is malformed is here said as of any input.
      throw error instanceof KmsError ? new InvalidInput(error.message, { cause: error }) : error
    }
  })

/** A policy that somebody has. */
export interface HeldPolicy {
  readonly kind: 'inline' | 'aws-managed' | 'user-managed' | 'permission-boundary'
  /** Of an inline policy, whose it is. */
  readonly holder?: { readonly type: 'user' | 'role' | 'group'; readonly name: string }
  /** Its name, or its ARN. */
  readonly called: string
  readonly source: Source
}

const stored = (id: string, type: Source['type'], text: string): Source =>
  sourceOf(id, type, text, parseStoredIdentityPolicy(text))

const nameIn = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1)

async function heldBy(type: keyof typeof kinds, from: PolicyHolder, at: Principals): Promise<readonly HeldPolicy[]> {
  const inline = Object.entries(from.inline).map(
    ([called, text]): HeldPolicy => ({
      kind: 'inline',
      holder: { type, name: from.name },
      called,
      source: stored(`${type}_${from.name}_${called}`, 'IAM Policy', text),
    }),
  )
  const managed = from.attached.map(async (reference): Promise<HeldPolicy> => {
    const { name: arn, text }: AttachedPolicy = await attachedPolicy(reference, at)
    const kind = /^arn:[^:]*:iam::aws:/.test(arn) ? 'aws-managed' : 'user-managed'
    return { kind, called: arn, source: stored(nameIn(arn), 'IAM Policy', text) }
  })
  return [...inline, ...(await Promise.all(managed))]
}

/** All policies of a user, role or group, the user's groups' and the boundary included. */
export async function policiesHeld(of: User | Role | Group, at: Principals): Promise<readonly HeldPolicy[]> {
  const type = of.id.startsWith('AIDA') ? 'user' : of.id.startsWith('AROA') ? 'role' : 'group'
  const ids = 'groups' in of ? of.groups : []
  const found = await Promise.all(ids.map((id) => at.groups.find(id)))
  const ofGroups = found.map((group) => (group ? heldBy('group', group, at) : []))
  const all = (await Promise.all([heldBy(type, of, at), ...ofGroups])).flat()
  // A managed policy may have come to somebody more than once.
  const held = [...new Map(all.map((each) => [each.holder ? each : each.called, each])).values()]
  if (!('boundary' in of) || !of.boundary) return held
  const { name: arn, text } = await attachedPolicy(of.boundary, at)
  const source = stored(nameIn(arn), 'Permissions Boundary Policy', text)
  return [...held, { kind: 'permission-boundary', called: arn, source }]
}

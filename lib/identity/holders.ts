/** Users, roles and groups as IAM's actions know them: by name, with a message of their own when they are not there. */

import type { Place } from '../arn.ts'
import { EntityAlreadyExists, LimitExceeded, NoSuchEntity } from '../errors.ts'
import type { Read } from '../ports.ts'
import { string } from '../schema/scalars.ts'
import { required } from '../schema/shape.ts'
import { type Entity, type Group, iamArn, type PolicyHolder, type Role, type User } from './entities.ts'
import { demandName } from './names.ts'
import type { Entities, Principals } from './ports.ts'
import { named } from './principals.ts'
import { boundaryOf, type On, resourceTags } from './resources.ts'

export interface HolderKind<T extends PolicyHolder> {
  /** As actions and members are called: `PutUserPolicy`, `UserName`. */
  readonly title: 'User' | 'Role' | 'Group'
  readonly type: 'user' | 'role' | 'group'
  readonly entitiesOf: (principals: Principals) => Entities<T>
  /** Characters that all of its inline policies may have together, white space not counted. */
  readonly inlineQuota: number
  readonly nameQuota: number
}

const kindOf = <T extends PolicyHolder>(
  title: HolderKind<T>['title'],
  type: HolderKind<T>['type'],
  entitiesOf: HolderKind<T>['entitiesOf'],
  { inlineQuota, nameQuota }: Pick<HolderKind<T>, 'inlineQuota' | 'nameQuota'>,
): HolderKind<T> => ({ title, type, entitiesOf, inlineQuota, nameQuota })

export const users = kindOf<User>('User', 'user', ({ users }) => users, { inlineQuota: 2048, nameQuota: 64 })
export const roles = kindOf<Role>('Role', 'role', ({ roles }) => roles, { inlineQuota: 10_240, nameQuota: 64 })
export const groups = kindOf<Group>('Group', 'group', ({ groups }) => groups, { inlineQuota: 5120, nameQuota: 128 })

/** Who asks for whom. */
export interface Asked {
  readonly principals: Principals
  readonly place: Place
}

const fresh: Read = { fresh: true }

/** @throws NoSuchEntity, and ValidationError for what cannot be a name */
export async function demandHolder<T extends PolicyHolder>(
  kind: HolderKind<T>,
  name: string,
  { principals, place }: Asked,
): Promise<T> {
  demandName(`${kind.type}Name`, name)
  const found = await named(kind.entitiesOf(principals), place.account, name, fresh)
  if (!found) throw new NoSuchEntity(`The ${kind.type} with name ${name} cannot be found.`)
  return found
}

/** @throws EntityAlreadyExists, and ValidationError for what cannot be a name */
export async function demandFree<T extends PolicyHolder>(
  kind: HolderKind<T>,
  name: string,
  { principals, place }: Asked,
  self?: Entity,
): Promise<void> {
  demandName(`${kind.type}Name`, name)
  const found = await named(kind.entitiesOf(principals), place.account, name, fresh)
  if (found && found.id !== self?.id) throw new EntityAlreadyExists(`${kind.title} with name ${name} already exists.`)
}

/**
 * What policies are asked about: its ARN, or the one that it would have without a path; and its tags.
 * @param more of whom is found, what policies may ask besides
 */
export async function resourceOf<T extends PolicyHolder>(
  kind: HolderKind<T>,
  name: string,
  { principals, place }: Asked,
  more: (found: T) => Partial<On> = () => ({}),
): Promise<On> {
  const found = await named(kind.entitiesOf(principals), place.account, name, fresh)
  const called = `${kind.type} ${name}`
  if (!found) return { arns: [iamArn(place, kind.type, `/${name}`)], called }
  const { arns = [], context = [] } = more(found)
  return { arns: [found.arn, ...arns], called, context: [...resourceTags(found.tags), ...context] }
}

/** Of a change of name or path: who may make it must be allowed to both before and after, as AWS has it. */
export const renamedResourceOf = <T extends PolicyHolder>(
  kind: HolderKind<T>,
  name: string,
  asked: Asked,
  to: { readonly name: string | undefined; readonly path: string | undefined },
): Promise<On> =>
  resourceOf(kind, name, asked, (found) => ({
    arns: [iamArn(asked.place, kind.type, (to.path ?? found.path) + (to.name ?? found.name))],
  }))

const lengthOf = (text: string): number => text.replace(/\s/g, '').length

/** White space does not count, and is stored all the same: a record has only so much room. */
const maxInlineBytes = 200_000

/** The inline policies with one more, or another in place of one. @throws LimitExceeded */
export function withInline<T extends PolicyHolder>(kind: HolderKind<T>, holder: T, name: string, text: string) {
  const inline = { ...holder.inline, [name]: text }
  const texts = Object.values(inline)
  const length = texts.reduce((sum, each) => sum + lengthOf(each), 0)
  const stored = texts.reduce((sum, each) => sum + Buffer.byteLength(each), 0)
  if (length > kind.inlineQuota || stored > maxInlineBytes) {
    throw new LimitExceeded(`Maximum policy size of ${kind.inlineQuota} bytes exceeded for ${kind.type} ${holder.name}`)
  }
  return inline
}

export const trustQuota = 2048

/** A trust policy's quota. @throws LimitExceeded */
export function demandTrustLength(text: string): void {
  if (lengthOf(text) > trustQuota) throw new LimitExceeded(`Cannot exceed quota for ACLSizePerRole: ${trustQuota}`)
}

/**
 * The member of an action's input that names such a holder. Its name is the kind's, so that the types of the other
 * members are all that the compiler sees.
 */
export function holderNamed<T extends PolicyHolder>(kind: HolderKind<T>) {
  const member = `${kind.title}Name`
  const shape = required(string({ min: 1, max: kind.nameQuota }))
  const nameIn = (input: object): string => String((input as Readonly<Record<string, unknown>>)[member])
  return {
    members: { [member]: shape } as Readonly<Record<never, typeof shape>>,
    nameIn,
    resource: ({ input, ...asked }: Asked & { readonly input: object }) => resourceOf(kind, nameIn(input), asked),
    /** Of an action that gives or takes permissions. */
    bounded: ({ input, ...asked }: Asked & { readonly input: object }) =>
      resourceOf(kind, nameIn(input), asked, (found) => ({ context: boundaryOf(found) })),
  }
}

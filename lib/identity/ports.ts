import type { Page, PageRequest, Read } from '../ports.ts'
import type { Entity, Group, Link, ManagedPolicy, OidcProvider, Role, User } from './entities.ts'

/** Users, roles, groups or managed policies. */
export interface Entities<T extends Entity> {
  find(id: string, read?: Read): Promise<T | undefined>
  /** Whom a name was last given to, who may be gone or be called otherwise by now: `named` asks both. */
  idOf(account: string, name: string, read?: Read): Promise<string | undefined>
  /** @throws Conflict when somebody in the account has the name, whatever its case */
  create(entity: T): Promise<void>
  /**
   * Writes a changed one of the same name over the revision it was made from; the stored revision is then
   * `entity.revision + 1`.
   * @throws Conflict when the stored revision is not `entity.revision`
   */
  replace(entity: T): Promise<void>
  /** As `replace`, under another name. @throws Conflict also when somebody in the account has the new name */
  rename(entity: T, formerName: string): Promise<void>
  /** @throws Conflict when the stored revision is not `entity.revision` */
  remove(entity: T): Promise<void>
  /** Ascending by folded name, which is the sort value. */
  list(account: string, page: PageRequest): Promise<Page<T>>
}

export interface OidcProviders {
  find(account: string, url: string, read?: Read): Promise<OidcProvider | undefined>
  /** @throws Conflict when the account has one of this URL */
  create(provider: OidcProvider): Promise<void>
  /** @throws Conflict when the stored revision is not `provider.revision` */
  replace(provider: OidcProvider): Promise<void>
  /** @throws Conflict when the stored revision is not `provider.revision` */
  remove(provider: OidcProvider): Promise<void>
  /** Ascending by URL. */
  list(account: string, page: PageRequest): Promise<Page<OidcProvider>>
}

export interface Links {
  /** Notes a reference that is about to be made, over an earlier note of the same. */
  put(link: Link): Promise<void>
  find(target: string, kind: Link['kind'], from: string): Promise<Link | undefined>
  /** Forgets a note, unless it was made anew since. */
  remove(link: Link): Promise<void>
  /** Ascending by kind and by who refers; the sort value is `kind#from`. Never from memory. */
  to(target: string, page: PageRequest): Promise<Page<Link>>
}

/** Who is who, for those who only ask. */
export interface Directory {
  /**
   * The user or role that an ARN or a unique id names, as it is now; for a session of an assumed role, its role.
   * Undefined when there is none: an ARN must have the right path, and the name's own case.
   */
  find(text: string, read?: Read): Promise<User | Role | undefined>
  /** There are users and roles elsewhere too, of whom no record is kept: AWS's own. */
  readonly hasOthers: boolean
}

/** Everything that IAM keeps. */
export interface Principals {
  readonly users: Entities<User>
  readonly roles: Entities<Role>
  readonly groups: Entities<Group>
  readonly managedPolicies: Entities<ManagedPolicy>
  readonly oidcProviders: OidcProviders
  readonly links: Links
}

/** OIDC providers, as they are on the network. */
export interface Issuers {
  /**
   * The keys that a provider signs with, in JWK; as old as the edge allows, but no older than `unknownKey`'s absence.
   * @param url without `https://`
   * @param unknownKey asks anew, unless that was done a moment ago
   * @throws IDPCommunicationError
   */
  keysOf(url: string, unknownKey?: boolean): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Whether a token of this issuer may say so: `https://` and, where it is configured, `http://` on this machine. */
  urlOf(issuer: string): string | undefined
}

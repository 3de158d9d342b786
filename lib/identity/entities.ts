/**
 * What IAM keeps of an account: users, roles, groups, managed policies and OIDC providers. Each user, role, group and
 * policy has a unique id that nobody else ever has, and a name that is its own in the account whatever its case.
 */
export interface Entity {
  /** `AIDA…` user, `AROA…` role, `AGPA…` group, `ANPA…` managed policy. */
  readonly id: string
  readonly account: string
  readonly name: string
  /** Begins and ends with a slash. */
  readonly path: string
  readonly arn: string
  readonly createdAt: number
  /** Grows by one with each change; a change is written only over the revision it was made from. */
  readonly revision: number
  readonly tags: Readonly<Record<string, string>>
}

/** A managed policy that is attached: by its id, so that another made later by its name is not. */
export interface PolicyReference {
  readonly id: string
  readonly arn: string
}

/** Somebody that identity policies are attached to. */
export interface PolicyHolder extends Entity {
  /** Texts by name. */
  readonly inline: Readonly<Record<string, string>>
  readonly attached: readonly PolicyReference[]
}

export const accessKeyStatuses = ['Active', 'Inactive'] as const

/** An access key as its user's record has it: one that is not listed there is dead, whatever else is stored of it. */
export interface AccessKeyEntry {
  readonly id: string
  readonly status: (typeof accessKeyStatuses)[number]
  readonly createdAt: number
}

export interface User extends PolicyHolder {
  readonly accessKeys: readonly AccessKeyEntry[]
  /** Unique ids. */
  readonly groups: readonly string[]
  readonly boundary?: PolicyReference
}

export interface Role extends PolicyHolder {
  readonly trustPolicy: string
  /** Unique ids of the users and roles that the trust policy names, by its texts, as they were when it was saved. */
  readonly trustIds: Readonly<Record<string, string>>
  readonly description?: string
  readonly maxSessionSeconds: number
  readonly boundary?: PolicyReference
}

export type Group = PolicyHolder

export interface PolicyVersion {
  readonly number: number
  readonly text: string
  readonly createdAt: number
}

export interface ManagedPolicy extends Entity {
  readonly description?: string
  /** Oldest first, at most five. */
  readonly versions: readonly PolicyVersion[]
  /** Number of the version in force. */
  readonly defaultVersion: number
  /** Numbers are never given twice. */
  readonly newestVersion: number
  readonly updatedAt: number
}

export interface OidcProvider {
  readonly account: string
  /** Of the issuer, without `https://`. */
  readonly url: string
  readonly arn: string
  readonly clientIds: readonly string[]
  /** SHA-1 of certificates, in hex. */
  readonly thumbprints: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly revision: number
}

/** How somebody refers to a managed policy, or to a group. */
export const linkKinds = ['attached', 'boundary', 'member'] as const

/**
 * A note that somebody may refer to a managed policy or a group. It is written before the record that refers, and so
 * never missing; what the record says is what holds.
 */
export interface Link {
  /** Unique id of the policy or group. */
  readonly target: string
  readonly kind: (typeof linkKinds)[number]
  /** Unique id of the user, role or group that refers. */
  readonly from: string
  readonly createdAt: number
}

/** Names are one's own whatever their case. */
export const foldedName = (name: string): string => name.toLowerCase()

export const iamArn = (
  at: { readonly partition: string; readonly account: string },
  type: 'user' | 'role' | 'group' | 'policy' | 'oidc-provider',
  rest: string,
): string => `arn:${at.partition}:iam::${at.account}:${type}${rest}`

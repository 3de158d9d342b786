/** What an action of IAM or STS is done on, as policies are asked about it. */
import type { PolicyHolder, Role, User } from './entities.ts'

/** Condition keys and their values; of undefined there is none. */
export type Context = readonly (readonly [name: string, value: string | readonly string[] | undefined])[]

/** Where more is asked than one ARN. */
export interface On {
  /** Each of them must be allowed. */
  readonly arns: readonly string[]
  /** What a refusal calls the first: who may not so much as look does not learn its ARN, or that it is there. */
  readonly called?: string
  /** Condition keys that are its own. */
  readonly context?: Context
}

type Tags = Readonly<Record<string, string>>

/** What policies may ask of the tags of what they are asked about. */
export const resourceTags = (tags: Tags = {}): Context =>
  Object.entries(tags).flatMap(([name, value]) => [
    [`aws:ResourceTag/${name}`, value] as const,
    [`iam:ResourceTag/${name}`, value] as const,
  ])

/** The boundary of whom an action gives or takes permissions: so one can be let do that to those who have it. */
export const boundaryOf = ({ boundary }: PolicyHolder & Partial<Pick<User | Role, 'boundary'>>): Context => [
  ['iam:PermissionsBoundary', boundary?.arn],
]

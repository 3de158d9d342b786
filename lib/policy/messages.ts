/** AWS's texts (kms-authz.md §6.4, §8). */
export const lockoutMessage = 'The new key policy will not allow you to update the key policy in the future.'
export const invalidPrincipalMessage = 'Policy contains a statement with one or more invalid principals.'
export const noPrincipalMessage = 'Policy contains a statement with no principal.'

/** What a decision can rest on, and what AWS calls it. */
const layers = {
  'key-policy': { denies: 'a resource-based policy', allows: 'resource-based policy' },
  'trust-policy': { denies: 'the role trust policy', allows: 'role trust policy' },
  'identity-policy': { denies: 'an identity-based policy', allows: 'identity-based policy' },
  'permissions-boundary': { denies: 'a permissions boundary', allows: 'permissions boundary' },
  'session-policy': { denies: 'a session policy', allows: 'session policy' },
} as const
export type Layer = keyof typeof layers

/** How a refusal is said. */
export interface Wording {
  readonly explicit: (denying: Layer) => string
  readonly implicit: (missing: Layer) => string
  /** Of a resource of another account, whatever the reason. */
  readonly foreign: string
}

const refused = (callerArn: string, action: string): string =>
  `User: ${callerArn} is not authorized to perform: ${action}`

const tails = (said: string, action: string): Omit<Wording, 'foreign'> => ({
  explicit: (denying) => `${said} with an explicit deny in ${layers[denying].denies}`,
  implicit: (missing) => `${said} because no ${layers[missing].allows} allows the ${action} action`,
})

/** For a key of another account that does not exist, is elsewhere, or is not shared: it does not say which. */
export const foreignKeyMessage = (callerArn: string, action: string): string =>
  `${refused(callerArn, action)} on this resource because the resource does not exist in this Region, ` +
  'no resource-based policies allow access, or a resource-based policy explicitly denies access'

/** @param resource undefined where a key of another account must not be named */
export const wording = (callerArn: string, action: string, resource: string | undefined): Wording => ({
  ...tails(
    `${refused(callerArn, action)} on ${resource === undefined ? 'this resource' : `resource: ${resource}`}`,
    action,
  ),
  foreign: foreignKeyMessage(callerArn, action),
})

/** A role of another account is named, and nothing else is said of it. */
export function roleWording(callerArn: string, action: string, roleArn: string): Wording {
  const foreign = `${refused(callerArn, action)} on resource: ${roleArn}`
  return { ...tails(foreign, action), foreign }
}

/** To somebody without credentials nothing is said of the role. */
export function webIdentityWording(action: string): Wording {
  const foreign = `Not authorized to perform ${action}`
  return { explicit: () => foreign, implicit: () => foreign, foreign }
}

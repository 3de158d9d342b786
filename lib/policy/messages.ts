/** AWS's texts (kms-authz.md §6.4, §8). */
export const lockoutMessage = 'The new key policy will not allow you to update the key policy in the future.'
export const invalidPrincipalMessage = 'Policy contains a statement with one or more invalid principals.'
export const noPrincipalMessage = 'Policy contains a statement with no principal.'

/** What a decision can rest on, and what AWS calls it. */
const layers = {
  'key-policy': { denies: 'a resource-based policy', allows: 'resource-based policy' },
  'identity-policy': { denies: 'an identity-based policy', allows: 'identity-based policy' },
  'permissions-boundary': { denies: 'a permissions boundary', allows: 'permissions boundary' },
  'session-policy': { denies: 'a session policy', allows: 'session policy' },
} as const
export type Layer = keyof typeof layers

/** `resource` is undefined where a key of another account must not be named. */
const refused = (callerArn: string, action: string, resource: string | undefined): string => {
  const on = resource === undefined ? 'this resource' : `resource: ${resource}`
  return `User: ${callerArn} is not authorized to perform: ${action} on ${on}`
}

export const implicitDenyMessage = (
  callerArn: string,
  action: string,
  resource: string | undefined,
  missing: Layer,
): string => `${refused(callerArn, action, resource)} because no ${layers[missing].allows} allows the ${action} action`

export const explicitDenyMessage = (
  callerArn: string,
  action: string,
  resource: string | undefined,
  denying: Layer,
): string => `${refused(callerArn, action, resource)} with an explicit deny in ${layers[denying].denies}`

/** For a key of another account that does not exist, is elsewhere, or is not shared: it does not say which. */
export const foreignKeyMessage = (callerArn: string, action: string): string =>
  `${refused(callerArn, action, undefined)} because the resource does not exist in this Region, ` +
  'no resource-based policies allow access, or a resource-based policy explicitly denies access'

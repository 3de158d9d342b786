import { serveForms } from '../../lib/http/serve.ts'
import type { AnyOperation } from '../../lib/operation.ts'
import { iam } from '../../lib/services.ts'
import { absentActions } from './iam/absent.ts'
import { accessKeyActions } from './iam/access-keys.ts'
import { accountActions } from './iam/account.ts'
import { attachedPolicyActions } from './iam/attached-policies.ts'
import { groupActions } from './iam/groups.ts'
import { inlinePolicyActions } from './iam/inline-policies.ts'
import { managedPolicyActions } from './iam/managed-policies.ts'
import { oidcProviderActions } from './iam/oidc-providers.ts'
import { policyVersionActions } from './iam/policy-versions.ts'
import { roleActions } from './iam/roles.ts'
import { simulationActions } from './iam/simulation.ts'
import { tagActions } from './iam/tags.ts'
import { userActions } from './iam/users.ts'

const actions: readonly AnyOperation[] = [
  ...userActions,
  ...accessKeyActions,
  ...absentActions,
  ...accountActions,
  ...groupActions,
  ...roleActions,
  ...inlinePolicyActions,
  ...managedPolicyActions,
  ...policyVersionActions,
  ...attachedPolicyActions,
  ...tagActions,
  ...oidcProviderActions,
  ...simulationActions,
]

/** The registry of IAM's actions. */
export const iamApi = { service: iam, actions } as const

/** One Lambda for the service: nothing that a gateway routes by tells its actions apart. */
export const handler = serveForms(iamApi)

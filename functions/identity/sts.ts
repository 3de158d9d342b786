import { serveForms } from '../../lib/http/serve.ts'
import { sts } from '../../lib/services.ts'
import { getAccessKeyInfo, getCallerIdentity } from './sts/callers.ts'
import { assumeRole, assumeRoleWithWebIdentity } from './sts/roles.ts'
import { getFederationToken, getSessionToken } from './sts/sessions.ts'

/** The registry of STS's actions. */
export const stsApi = {
  service: sts,
  actions: [
    assumeRole,
    assumeRoleWithWebIdentity,
    getAccessKeyInfo,
    getCallerIdentity,
    getFederationToken,
    getSessionToken,
  ],
} as const

/** One Lambda for the service: nothing that a gateway routes by tells its actions apart. */
export const handler = serveForms(stsApi)

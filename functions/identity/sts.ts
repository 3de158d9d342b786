import { serveForms } from '../../lib/http/serve.ts'
import { sts } from '../../lib/services.ts'
import { getCallerIdentity } from './sts/callers.ts'

/** The registry of STS's actions. */
export const stsApi = { service: sts, actions: [getCallerIdentity] } as const

/** One Lambda for the service: nothing that a gateway routes by tells its actions apart. */
export const handler = serveForms(stsApi)

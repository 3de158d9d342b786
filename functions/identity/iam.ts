import { serveForms } from '../../lib/http/serve.ts'
import type { AnyOperation } from '../../lib/operation.ts'
import { iam } from '../../lib/services.ts'

const actions: readonly AnyOperation[] = []

/** The registry of IAM's actions. */
export const iamApi = { service: iam, actions } as const

/** One Lambda for the service: nothing that a gateway routes by tells its actions apart. */
export const handler = serveForms(iamApi)

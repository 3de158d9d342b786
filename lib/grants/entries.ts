import { rootArn } from '../arn.ts'
import type { Grant } from './grant.ts'

/** A grant as ListGrants and ListRetirableGrants show it. */
export const entryOf = (partition: string, grant: Grant) => ({
  KeyId: grant.keyArn,
  GrantId: grant.id,
  Name: grant.name,
  // AWS shows whole seconds here.
  CreationDate: Math.floor(grant.createdAt / 1000) * 1000,
  GranteePrincipal: grant.grantee.text,
  RetiringPrincipal: grant.retiring?.text,
  IssuingAccount: rootArn({ partition, account: grant.issuingAccount }),
  Operations: grant.operations,
  Constraints: grant.constraints,
})

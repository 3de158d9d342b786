import { type Place, rootArn } from '../arn.ts'
import type { Directory } from '../identity/ports.ts'
import type { Grant } from './grant.ts'
import { shownPrincipal } from './principals.ts'

/** Grants as ListGrants and ListRetirableGrants show them. */
export const entriesOf = (grants: readonly Grant[], { partition }: Place, directory: Directory) =>
  Promise.all(
    grants.map(async (grant) => ({
      KeyId: grant.keyArn,
      GrantId: grant.id,
      Name: grant.name,
      // AWS shows whole seconds here.
      CreationDate: Math.floor(grant.createdAt / 1000) * 1000,
      GranteePrincipal: await shownPrincipal(grant.grantee, directory),
      RetiringPrincipal: grant.retiring && (await shownPrincipal(grant.retiring, directory)),
      IssuingAccount: rootArn({ partition, account: grant.issuingAccount }),
      Operations: grant.operations,
      Constraints: grant.constraints,
    })),
  )

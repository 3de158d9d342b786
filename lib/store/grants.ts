import type { Grant, GrantPrincipal } from '../grants/grant.ts'
import { granteePrefix, retirableSortValue } from '../grants/grant.ts'
import type { Grants } from '../grants/ports.ts'
import type { GrantTallies, GrantTally } from '../grants/tally.ts'
import type { GrantConstraints } from '../policy/grants.ts'
import { Conflict, type PageRequest } from '../ports.ts'
import { grantOperations } from '../schema/grants.ts'
import type { Range, Table } from './client.ts'
import { list, oneOf, optional, pairs, record, text, whole } from './fields.ts'
import { type Kind, toItem } from './items.ts'
import { readItem, readPage } from './reading.ts'

const grantAt = (keyId: string, id: string) => ({ PK: `KEY#${keyId}`, SK: `GRANT#${id}` })
const tallyAt = (keyId: string) => ({ PK: `KEY#${keyId}`, SK: 'GRANTS' })
const grantsOf = (keyId: string) => ({ partition: `KEY#${keyId}`, prefix: 'GRANT#' }) as const
const grantsTo = (keyId: string, bound: string) => ({
  partition: `KEY#${keyId}`,
  prefix: `GRANT#${granteePrefix(keyId, bound)}`,
})
const retirableBy = (bound: string) => ({ index: 'GSI1', partition: `RETIRE#${bound}`, prefix: 'GRANT#' }) as const

const principal = record<GrantPrincipal>({ text, bound: text })

export const grantKind: Kind<Grant> = {
  type: 'grant',
  fields: record<Grant>({
    id: text,
    keyId: text,
    keyArn: text,
    account: text,
    issuingAccount: text,
    createdAt: whole,
    grantee: principal,
    retiring: optional(principal),
    operations: list(oneOf(grantOperations)),
    constraints: optional(
      record<GrantConstraints>({
        EncryptionContextEquals: optional(pairs),
        EncryptionContextSubset: optional(pairs),
        SourceArn: optional(text),
      }),
    ),
    name: optional(text),
  }),
  at: (grant) => ({
    ...grantAt(grant.keyId, grant.id),
    ...(grant.retiring && {
      GSI1PK: retirableBy(grant.retiring.bound).partition,
      GSI1SK: `GRANT#${retirableSortValue(grant)}`,
    }),
  }),
}

export const tallyKind: Kind<GrantTally> = {
  type: 'grant-tally',
  fields: record<GrantTally>({ keyId: text, revision: whole, count: whole, at: whole, countedAt: optional(whole) }),
  at: ({ keyId }) => tallyAt(keyId),
}

/** How often another writer may be first: as many as make grants of one key at once. */
const maxTries = 50

function talliesIn(table: Table): GrantTallies {
  const find = (keyId: string) => readItem(table, tallyKind, tallyAt(keyId))
  const replace = (tally: GrantTally) =>
    table.replace(toItem(tallyKind, { ...tally, revision: tally.revision + 1 }), tally.revision)
  return {
    async countUp(keyId, most, at) {
      for (let tries = 1; ; tries++) {
        const there = await find(keyId)
        if (there && there.count >= most) return false
        try {
          if (there) await replace({ ...there, count: there.count + 1, at })
          else await table.create(toItem(tallyKind, { keyId, revision: 1, count: 1, at }))
          return true
        } catch (error) {
          if (!(error instanceof Conflict) || tries === maxTries) throw error
        }
      }
    },
    find,
    replace,
    async remove(keyId) {
      const tally = await find(keyId)
      if (tally) await table.remove(tallyAt(keyId), tally.revision)
    },
  }
}

/** Those of a page that follow the last one of the page before, where a range begins within the sort value. */
const within = (page: PageRequest, skipped: number): PageRequest =>
  page.after === undefined ? page : { ...page, after: page.after.slice(skipped) }

export function grantsIn(table: Table): Grants {
  const listed = (range: Range, page: PageRequest) => readPage(table, grantKind, range, page)
  return {
    find: (keyId, id) => readItem(table, grantKind, grantAt(keyId, id)),
    create: (grant) => table.create(toItem(grantKind, grant)),
    remove: ({ keyId, id, createdAt }) => table.erase(grantAt(keyId, id), createdAt),
    async ofGrantee(keyId, bound) {
      const { items } = await listed(grantsTo(keyId, bound), { limit: Number.MAX_SAFE_INTEGER })
      return items
    },
    list(keyId, page, bound) {
      if (bound === undefined) return listed(grantsOf(keyId), page)
      const range = grantsTo(keyId, bound)
      return listed(range, within(page, range.prefix.length - grantsOf(keyId).prefix.length))
    },
    retirableBy: (bound, page) => listed(retirableBy(bound), page),
    tallies: talliesIn(table),
  }
}

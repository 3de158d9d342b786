/** The permission table: what each operation demands of whom, as the procedure will demand it. */

import { actionsOf } from '../lib/authorize.ts'
import type { Caller } from '../lib/identity/caller.ts'
import { type Key, keyStates } from '../lib/keys/key.ts'
import type { AnyOperation, KeyRule, Request } from '../lib/operation.ts'
import { fromConstraints, fromGrantedKey, fromKey, fromMembers, fromRequest } from '../lib/request-context.ts'
import type { AnyShape } from '../lib/schema/shape.ts'
import { type Entry, type ServiceEntry, serviceCatalog } from './catalog.ts'

const account = '111122223333'
const place = { partition: 'aws', region: 'us-east-1', account }
/** One of whom everything is known that policies can ask. */
const caller: Caller = {
  type: 'User',
  account,
  arn: '',
  principalId: '',
  userName: '',
  accessKeyId: '',
  tags: { '*tag*': '' },
  session: { issuedAt: 0, mfaAt: 0, sourceIdentity: '', federatedProvider: '' },
}
const request: Request = {
  id: '',
  method: '',
  path: '',
  query: '',
  headers: { 'user-agent': '-', referer: '-' },
  body: new Uint8Array(),
  sourceIp: '',
  secure: true,
}
const key: Key = {
  id: '',
  arn: '',
  account,
  revision: 1,
  createdAt: 0,
  description: '',
  spec: 'SYMMETRIC_DEFAULT',
  usage: 'ENCRYPT_DECRYPT',
  origin: 'AWS_KMS',
  state: 'Enabled',
  policy: '',
  tags: { '*tag*': '' },
}

/** An input that has every member, so that whatever hangs on one shows. */
const fullInput = ({ input }: AnyOperation) =>
  Object.fromEntries(Object.entries<AnyShape>(input.members).map(([name, shape]) => [name, sampleOf(name, shape)]))

function sampleOf(name: string, shape: AnyShape): unknown {
  if (name === 'Tags') return [{ TagKey: '*tag*', TagValue: '' }]
  if (name === 'Constraints') return { EncryptionContextEquals: { '*name*': '' }, SourceArn: '' }
  if (shape.kind === 'list') return ['']
  if (shape.kind === 'timestamp') return 0
  if (shape.kind === 'boolean') return true
  return shape.kind === 'map' ? { '*name*': '' } : ''
}

const identifiers = {
  any: 'key id, key ARN, alias, alias ARN',
  key: 'key id, key ARN',
  target: 'key id, key ARN',
  'alias-name': 'alias',
} as const satisfies Record<KeyRule['by'], string>

const statesOf = ({ states }: KeyRule): string => {
  const refused = keyStates.filter((state) => Object.hasOwn(states, state))
  if (refused.length === 0) return 'any'
  const allowed = keyStates.filter((state) => !refused.includes(state))
  return allowed.length <= refused.length ? allowed.join(', ') : `any but ${refused.join(', ')}`
}

const namesOf = (entries: readonly (readonly [string, unknown])[]): readonly string[] =>
  entries.filter(([, value]) => value !== undefined).map(([name]) => name)

const onEveryKey = namesOf(fromKey({ member: '', key, rule: { by: 'key', states: {} }, aliases: ['-'] }, {}))
const onEveryRequest = namesOf(fromRequest(request, caller, place, 0))

type Row = readonly string[]
const columns: Row = [
  'Operation',
  'Actions',
  'Resource',
  'Policies',
  'Other accounts',
  'Named by',
  'Key usage',
  'Key states',
  'Condition keys',
]

const code = (texts: readonly string[]): string => texts.map((text) => `\`${text}\``).join(', ')

function rowsOf({ operation }: Entry): readonly Row[] {
  const input = fullInput(operation)
  const attested = Object.hasOwn(operation.input.members, 'Recipient') ? ['kms:RecipientAttestation:*'] : []
  const member = [...namesOf(fromMembers(operation, { input, sent: input })), ...attested]
  const rules = Object.entries<KeyRule>(operation.on)
  const onKeys = rules.filter(([, rule]) => !rule.filter)
  const rows: Row[] = []
  if (operation.alias !== undefined) {
    rows.push([
      operation.name,
      code([`kms:${operation.name}`]),
      `alias in \`${operation.alias}\``,
      'identity',
      'no',
      '',
      '',
      '',
      code(member),
    ])
  }
  if (operation.onGrant) {
    const context = namesOf([...fromGrantedKey(key), ...fromConstraints({ EncryptionContextEquals: { '*name*': '' } })])
    const actions = code(actionsOf(operation, input))
    return [[operation.name, actions, "the grant's key", 'the grant, identity', 'yes', '', '', 'any', code(context)]]
  }
  if (onKeys.length === 0 && operation.alias === undefined) {
    rows.push([operation.name, code(actionsOf(operation, input)), '`*`', 'identity', 'no', '', '', '', code(member)])
  }
  for (const [name, rule] of onKeys) {
    const ownKeys = namesOf(
      fromKey({ member: name, key, rule, alias: '-', ...(rule.lastUse && { daysWithoutUse: 0 }) }, input),
    )
    const sameKey = onKeys.length > 1 && operation.alias === undefined ? ['kms:ReEncryptOnSameKey'] : []
    rows.push([
      operation.name,
      code(actionsOf(operation, input, rule.action)),
      `key in \`${name}\``,
      'key, identity',
      rule.foreign ? 'yes' : 'no',
      rule.encryption?.ciphertext === undefined
        ? identifiers[rule.by]
        : `\`${rule.encryption.ciphertext}\`; ${identifiers[rule.by]}`,
      rule.usage ?? '',
      statesOf(rule),
      code([...member, ...ownKeys.filter((each) => !onEveryKey.includes(each)), ...sameKey]),
    ])
  }
  for (const [name, resource] of Object.entries(operation.further ?? {})) {
    const policies = resource.startsWith('key') ? 'key, identity' : 'identity'
    rows.push([operation.name, code([`kms:${name}`]), resource, policies, 'no', '', '', '', code(member)])
  }
  return rows
}

/** What an action of IAM or STS demands: where it says no resource, it is asked for all of them. */
function rowOf(operation: AnyOperation): Row {
  const { open, decides, unsigned, resource } = operation
  const more = decides ? ['sts:TagSession', 'sts:SetSourceIdentity'] : []
  const actions = [...actionsOf(operation, fullInput(operation)), ...more]
  const on = decides ? 'role in `RoleArn`' : resource ? 'what is named' : '`*`'
  const policies = unsigned ? 'trust' : decides ? 'trust, identity' : 'identity'
  return [operation.name, code(actions), open ? '' : on, open ? 'none is asked' : policies, decides ? 'yes' : 'no']
}
const serviceColumns: Row = ['Action', 'Actions', 'Resource', 'Policies', 'Other accounts']

const tableOf = (head: Row, rows: readonly Row[]): string =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')

const line = (row: Row): string => `| ${row.join(' | ')} |`

export const actionsTable = (
  entries: readonly Entry[],
  services: readonly ServiceEntry[] = serviceCatalog(),
): string => `<!-- Derived from the registry of operations by infra/derive.ts; do not edit. -->

# What each operation demands

Each row is decided by itself, and every row of an operation must allow the request. *Actions* after the first are
demanded only where the request asks for what they permit. *Policies* says which can allow it; any of them can deny it.

A condition can use the keys of its row, on every key ${code(onEveryKey)}, and on every request ${code(onEveryRequest)}.

${tableOf(columns, entries.flatMap(rowsOf))}

${services
  .map(({ kebab, actions }) => `## ${kebab.toUpperCase()}\n\n${tableOf(serviceColumns, actions.map(rowOf))}\n`)
  .join('\n')}`

/**
 * The law, once: what happens around every operation, in wire order. Each step happens here and nowhere else, and the
 * order is behaviour that clients see (kms-api.md §2.3, kms-authz.md §1.6):
 *
 *   open the audit entry → body is JSON → authenticate → rate → types, then constraints → resolve keys → rate of the
 *   keys → authorize → key usage, key state, algorithm → put a change on record → run → dry run → encode, or any failure as
 *   {__type, message} → close the entry
 *
 * A change that another writer overtook is done again from the look-up on, so that it is decided on what is there now.
 */
import { aliasArn, type Place } from './arn.ts'
import { AuditEntry } from './audit/entry.ts'
import type { AuditRecord } from './audit/record.ts'
import { type Authentication, authenticate } from './authenticate.ts'
import {
  authorize,
  demandAssuming,
  demandFurther,
  grantToRetire,
  type Hear,
  hiddenKey,
  permitsUnder,
} from './authorize.ts'
import {
  DependencyTimeoutException,
  DryRunOperationException,
  InvalidKeyUsageException,
  KMSInternalException,
  RequestEntityTooLargeException,
} from './errors.ts'
import { asKmsError, errorOf, replyOf } from './failures.ts'
import { grantsShown } from './grants/finding.ts'
import type { Caller } from './identity/caller.ts'
import { asksForAliases } from './identity/own-side.ts'
import { aliasNamesOf } from './keys/aliases.ts'
import { demandAliasName } from './keys/identifiers.ts'
import { asOf } from './keys/imports.ts'
import type { Key, KeyState } from './keys/key.ts'
import { attestationNote, recipientOf } from './keys/recipients.ts'
import { demandState } from './keys/states.ts'
import { daysWithoutUse } from './keys/usage.ts'
import type { Answered } from './metrics/metrics.ts'
import { type AnyOperation, type KeyRule, type Reply, type Request, serviceOf, type Target } from './operation.ts'
import { unclear } from './policy/variables.ts'
import { type AuditSink, Conflict, type Ports } from './ports.ts'
import { quotaOf, quotaOfPair, quotaOfUse } from './rates/quotas.ts'
import type { Rates } from './rates/rates.ts'
import type { Said } from './request-context.ts'
import { demandOwnCiphertext, type Resolved, resolve } from './resolve.ts'
import { validated } from './schema/parse.ts'
import { custodyNote, standingOf, throughKeyStores } from './stores/custody.ts'

/** Everything outside the procedure, opened once per process. */
export interface World extends Ports, Authentication {
  /** The account that this deployment's root user is of. */
  readonly account: string
  readonly audit: AuditSink
  readonly rates: Rates
  /** SHA-256 fingerprint of the certificate that enclaves' attestation documents must chain to. */
  readonly attestationRoot: string
  readonly now: () => number
  readonly uuid: () => string
  /** Of every request that was answered: what it was, how it ended, how long it took. */
  readonly answered: (answer: Answered) => void
  /** For failures that are ours: what happened, never what was asked. */
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
}

/** API Gateway's own limit: what a host reads, and another Region may send. */
export const maxBodyBytes = 10 * 1024 * 1024
/** Of a client's request, well above the largest of AWS's model: checking it item by item must not hold up others. */
const maxRequestBytes = 1024 * 1024

/** How often a change is decided anew after another writer was first, before the caller is told to try again. */
const maxTries = 10

type Input = Readonly<Record<string, unknown>>
type Output = Readonly<Record<string, unknown>>

/** Performs one operation. Never rejects: every failure is a reply. */
export async function perform(operation: AnyOperation, request: Request, world: World): Promise<Reply> {
  const at = world.now()
  const reply = await onRecord(operation, request, world, at)
  const error = reply.status === 200 ? undefined : errorOf(reply)
  const ms = world.now() - at
  world.answered({ action: operation.name, requestId: request.id, ...(error !== undefined && { error }), ms })
  return reply
}

async function onRecord(operation: AnyOperation, request: Request, world: World, at: number): Promise<Reply> {
  const eventId = world.uuid()
  const service = serviceOf(operation)
  const entry = new AuditEntry({
    requestId: request.id,
    eventId,
    eventName: operation.name,
    eventSource: service.eventSource,
    readOnly: operation.readOnly,
    region: service.regionOf(world),
    account: world.account,
    sourceIp: request.sourceIp,
    userAgent: request.headers['user-agent'] ?? '',
    at,
  })
  let used: readonly Resolved[] = []
  let reply: Reply
  let record: AuditRecord
  try {
    const { output, resolved } = await attempt(operation, request, world, entry)
    reply = { status: 200, json: operation.output.encode(output) }
    if (operation.makes) entry.made(operation.makes(output))
    record = entry.succeeded(responseElements(operation, output, resolved[0]?.key.arn))
    used = resolved.filter(({ rule }) => rule.usage)
  } catch (thrown) {
    const error = service.named(asKmsError(thrown, request, world))
    reply = replyOf(error)
    record = entry.failed(error)
  }
  try {
    // No audit, no answer: the record is durable before the caller hears of the outcome.
    await world.audit.write(record)
    const use = { operation: operation.name, at, eventId, requestId: request.id }
    for (const { key } of used) world.lastUsage.book({ keyId: key.id, ...use })
    const { caller } = entry
    // A user's long-lived key has been used whatever came of it.
    if (caller?.type === 'User' && !caller.session) {
      world.lastUsage.book({ ...use, keyId: caller.accessKeyId, operation: `${service.name}:${operation.name}` })
    }
  } catch (thrown) {
    reply = replyOf(service.named(asKmsError(thrown, request, world)))
  }
  return reply
}

async function attempt(operation: AnyOperation, request: Request, world: World, entry: AuditEntry) {
  if (request.body.length > maxRequestBytes)
    throw new RequestEntityTooLargeException(`The request is larger than ${maxRequestBytes} bytes.`)
  const service = serviceOf(operation)
  const body = service.membersOf(request.body)
  const caller = operation.unsigned ? nobody : await authenticate(request, service, world, world.now())
  if (!operation.unsigned) entry.by(caller)
  // Counted as soon as it is known whose request it is, so that what is wrong with it costs its sender too.
  world.rates.take(caller, quotaOf(askedOf(operation), world.region))
  const sent = request.parameters ? { ...body, ...request.parameters() } : body
  const input = validated(operation.input, sent) as Input
  entry.asked(operation.input.redact(input) as Input)
  world.rates.take(caller, quotaOfPair(input.KeyPairSpec))
  for (let tries = 1; ; tries++) {
    try {
      return await onKeys(operation, request, world, entry, caller, { input, sent })
    } catch (thrown) {
      if (!(thrown instanceof Conflict)) throw thrown
      if (tries === maxTries)
        throw new DependencyTimeoutException('The key is being changed by others. Try again.', { cause: thrown })
      entry.retried()
    }
  }
}

const askedOf = (operation: AnyOperation) => ({
  name: operation.name,
  service: serviceOf(operation).name,
  cryptographic: Object.values<KeyRule>(operation.on).some(({ usage }) => usage !== undefined),
})

/** Who has not signed, where that is not asked for: nothing is allowed to it, and no policy names it. */
const nobody: Caller = { type: 'FederatedUser', account: '', arn: '', principalId: '', accessKeyId: '' }

async function onKeys(
  operation: AnyOperation,
  request: Request,
  world: World,
  entry: AuditEntry,
  caller: Caller,
  { input, sent }: Said,
) {
  const now = world.now()
  const place: Place = { partition: world.partition, region: world.region, account: caller.account }
  if (operation.alias !== undefined) {
    const name = String(input[operation.alias])
    demandAliasName(name)
    entry.touched(aliasArn(place, name), place.account)
  }

  const question = { operation, input, sent, request, caller, place, now }
  const hear: Hear = (decision, action, arn) => entry.decided(decision, action, arn)
  // Before any key is looked up, so that what is wrong with it tells nothing of a key.
  const recipient = recipientOf(input.Recipient as Parameters<typeof recipientOf>[0], world.attestationRoot, now)
  if (recipient) entry.note(attestationNote(recipient))
  const withAliases = asksForAliases(caller)
  const resolved: Resolved[] = []
  const keys: Record<string, Key> = {}
  // A change is decided on what is in the store now; a use, on what is at most as old as the cache bound.
  const read = { fresh: !operation.readOnly }
  for (const [member, rule] of Object.entries<KeyRule>(operation.on)) {
    const stored = await resolve(
      member,
      rule,
      input,
      caller,
      (hidden) => hiddenKey(question, rule, hidden, hear),
      place,
      world,
      read,
    )
    if (!stored) continue
    const found = { ...stored, key: asOf(stored.key, now) }
    const { id, createdAt } = found.key
    const unused = rule.lastUse && daysWithoutUse(createdAt, await world.lastUsage.find(id), now)
    const aliases = withAliases && ((await aliasNamesOf(world.aliases, id)) ?? unclear)
    resolved.push({ ...found, ...(unused !== undefined && { daysWithoutUse: unused }), ...(aliases && { aliases }) })
    keys[member] = found.key
    entry.touched(found.key.arn, found.key.account)
    if (rule.usage) world.rates.take(caller, quotaOfUse(found.key, world.region))
    if (found.key.keyStore) entry.note(custodyNote(found.key.keyStore))
  }

  const call = { principalArn: caller.arn, operation: operation.name, requestId: request.id }
  const hsm = throughKeyStores(world.hsm, Object.values(keys), world, call)
  const granted = Object.fromEntries(
    operation.needs.map((need: keyof Ports) => [need, need === 'hsm' ? hsm : world[need]]),
  )
  const resource = await operation.resource?.({ input, caller, place, ...granted })
  const asked = {
    ...question,
    ...(resource !== undefined && { resource }),
    ...(recipient && { recipient }),
  }
  const grant = operation.onGrant && (await grantToRetire(asked, world, entry, hear))
  const grantsFor = await grantsShown((input.GrantTokens ?? []) as readonly string[], world, read)
  if (!grant) await authorize(asked, resolved, grantsFor, hear)
  operation.demands?.(input)
  for (const each of resolved) {
    demandFit(operation, each, (await standingOf(each.key, world.keyStores)).state, input)
  }

  const note = (data: Input): void => entry.note(data)
  let demanded = false
  const demandRole = (target: Target): void => {
    if (target.webIdentity) entry.byWebIdentity(target.webIdentity.record)
    demandAssuming(asked, hear)(target)
    demanded = true
  }
  let output: Output = {}
  // A dry run does all of the cryptography, so that it fails as the real call would; only told to ignore the
  // ciphertext does it stop at the permissions (kms-authz.md §2.2).
  if (!(input.DryRun && input.DryRunModifiers)) {
    const permits = permitsUnder(asked, resolved)
    if (!operation.readOnly && !input.DryRun) await beginChange(entry, world)
    output = await operation.run({
      ...(recipient && { recipient }),
      ...(grant && { grant }),
      input,
      caller,
      keys,
      place,
      now,
      uuid: world.uuid,
      permits,
      demand: demandFurther(asked, hear),
      demandRole,
      note,
      proxyCall: call,
      ...granted,
    })
  }
  // INVARIANT: who may do it has been asked, whoever was to ask.
  if (operation.decides && !demanded) throw new KMSInternalException()
  if (input.DryRun)
    throw new DryRunOperationException('The request would have succeeded, but the DryRun option is set.')
  return { output, resolved }
}

/** Of a record that could not be written the caller hears, and nothing has been changed. */
async function beginChange(entry: AuditEntry, world: World): Promise<void> {
  const intent = entry.begins(world.uuid())
  if (intent) await world.audit.write(intent)
}

/** Own ciphertext before usage, usage before state, state before algorithm: AWS's order (kms-api.md §2.3). */
function demandFit(operation: AnyOperation, each: Resolved, state: KeyState, input: Input): void {
  const { key, rule } = each
  demandOwnCiphertext(each, input)
  rule.demands?.(key)
  if (rule.usage && key.usage !== rule.usage) {
    const action = (rule.action ?? operation.name).replace(/^kms:/, '')
    throw new InvalidKeyUsageException(`${key.arn} key usage is ${key.usage} which is not valid for ${action}.`)
  }
  demandState({ arn: key.arn, state }, rule.states)
  rule.fits?.(key, input)
}

/** CloudTrail shows what a change answered, and names the key even where the API answers nothing. */
function responseElements(operation: AnyOperation, output: Output, keyArn: string | undefined): Output | null {
  if (operation.readOnly && !operation.answerOnRecord) return null
  const elements = { ...(operation.output.redact(output) as Output), ...(keyArn !== undefined && { keyId: keyArn }) }
  return Object.keys(elements).length > 0 ? elements : null
}

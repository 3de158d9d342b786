import { parseArn } from '../arn.ts'
import type { KmsError } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import type { Decision } from '../policy/decide.ts'
import type { AuditRecord } from './record.ts'

type Data = Readonly<Record<string, unknown>>

/** What is known of a request before anything is done with it. */
export interface Opening {
  readonly requestId: string
  readonly eventId: string
  readonly eventName: string
  readonly eventSource: string
  readonly readOnly: boolean
  readonly region: string
  readonly account: string
  readonly sourceIp: string
  readonly userAgent: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

const maxText = 1024
const clipped = (text: string): string => (text.length > maxText ? text.slice(0, maxText) : text)
const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** CloudTrail's own bound on either (100 KB). A store takes a record as a whole, with those of others, or not at all. */
const maxMembersBytes = 100_000

/** What is too large as a whole loses its largest members: that they were there, and how long, is still told. */
function bounded(data: Data): Data {
  const sizes = Object.entries(data).map(([name, value]) => ({ name, bytes: Buffer.byteLength(JSON.stringify(value)) }))
  let left = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  if (left <= maxMembersBytes) return data
  const kept: Record<string, unknown> = { ...data }
  for (const { name, bytes } of sizes.sort((a, b) => b.bytes - a.bytes)) {
    if (left <= maxMembersBytes) break
    kept[name] = { omitted: true, originalSize: bytes }
    left -= bytes
  }
  return kept
}

function identityOf(caller: Caller | undefined): Data {
  if (!caller) return { type: 'Unknown' }
  const { principalId, arn, account, accessKeyId } = caller
  const type = caller.type === 'User' ? 'IAMUser' : caller.type
  const userName = caller.type === 'User' ? { userName: caller.userName } : {}
  const context = caller.session && { sessionContext: sessionContextOf(caller, caller.session) }
  return { type, principalId, arn, accountId: account, accessKeyId, ...userName, ...context }
}

/** Of temporary credentials: whose they are, and since when. */
function sessionContextOf(caller: Caller, session: NonNullable<Caller['session']>): Data {
  const { issuedAt, mfaAt, sourceIdentity, federatedProvider } = session
  const issuer = caller.type === 'AssumedRole' && {
    sessionIssuer: {
      type: 'Role',
      principalId: caller.principalId.split(':', 1)[0],
      arn: caller.roleArn,
      accountId: caller.account,
      userName: caller.roleArn.slice(caller.roleArn.lastIndexOf('/') + 1),
    },
  }
  return {
    ...issuer,
    ...(federatedProvider !== undefined && { webIdFederationData: { federatedProvider, attributes: {} } }),
    attributes: { creationDate: isoSeconds(issuedAt), mfaAuthenticated: String(mfaAt !== undefined) },
    ...(sourceIdentity !== undefined && { sourceIdentity }),
  }
}

/** One request's audit record in the making: opened before anything is decided, closed whatever happened. */
export class AuditEntry {
  readonly #opening: Opening
  #caller: Caller | undefined
  #webIdentity: Data | undefined
  #parameters: Data | null = null
  readonly #resources: { accountId: string; type: string; ARN: string }[] = []
  readonly #additional: Record<string, unknown> = {}
  #begun = false
  readonly #decisions: Data[] = []

  constructor(opening: Opening) {
    this.#opening = opening
  }

  by(caller: Caller): void {
    this.#caller = caller
  }

  /** Whoever has shown who it is, so far. */
  get caller(): Caller | undefined {
    return this.#caller
  }

  /** Who asks without credentials of its own, once its token has been found true. */
  byWebIdentity(record: Data): void {
    this.#webIdentity = { type: 'WebIdentityUser', ...record }
  }

  /** @param parameters the input, already redacted by its schema */
  asked(parameters: Data): void {
    this.#parameters = Object.keys(parameters).length > 0 ? bounded(parameters) : null
  }

  /** Keys and aliases alike are typed AWS::KMS::Key, as CloudTrail has them. */
  touched(arn: string, account: string): void {
    this.#resources.push({ accountId: account, type: 'AWS::KMS::Key', ARN: arn })
  }

  /** Who may do what: which statement or grant decided, or what was missing. */
  decided(decision: Decision, action: string, resource: string): void {
    const { statement, ...by } = decision.by
    const clippedSid = typeof statement === 'string' ? clipped(statement) : statement
    this.#decisions.push({
      action,
      resource,
      decision: decision.allowed ? 'Allow' : 'Deny',
      ...by,
      ...(statement !== undefined && { statement: clippedSid }),
    })
  }

  /** A key that the request has made. */
  made(arn: string): void {
    this.touched(arn, parseArn(arn)?.account ?? this.#opening.account)
  }

  /** Forgets the resources and decisions of a try that another writer overtook. */
  retried(): void {
    this.#resources.length = 0
    this.#decisions.length = 0
  }

  note(data: Data): void {
    Object.assign(this.#additional, data)
  }

  /**
   * The record that a change is about to be made: with it durable, nothing can be changed that the trail does not show,
   * whatever becomes of the record of the outcome. Undefined when there is one already.
   */
  begins(eventID: string): AuditRecord | undefined {
    if (this.#begun) return undefined
    this.#begun = true
    return { ...this.#record({ responseElements: null }), eventID, eventType: 'KeysteadIntent' }
  }

  succeeded(responseElements: Data | null): AuditRecord {
    return this.#record({ responseElements: responseElements && bounded(responseElements) })
  }

  failed(error: KmsError): AuditRecord {
    const message = error.message ? { errorMessage: clipped(error.message) } : {}
    return this.#record({ responseElements: null, errorCode: error.name, ...message })
  }

  #record(outcome: Pick<AuditRecord, 'responseElements' | 'errorCode' | 'errorMessage'>): AuditRecord {
    const opening = this.#opening
    // Ours: CloudTrail has a place for what a service adds, and says nothing of what decided.
    const additional = {
      ...this.#additional,
      ...(this.#decisions.length > 0 && { authorization: this.#decisions }),
    }
    return {
      eventVersion: '1.11',
      userIdentity: this.#webIdentity ?? identityOf(this.#caller),
      eventTime: isoSeconds(opening.at),
      eventSource: opening.eventSource,
      eventName: opening.eventName,
      awsRegion: opening.region,
      sourceIPAddress: opening.sourceIp,
      userAgent: clipped(opening.userAgent),
      ...outcome,
      requestParameters: this.#parameters,
      ...(Object.keys(additional).length > 0 && { additionalEventData: additional }),
      requestID: opening.requestId,
      eventID: opening.eventId,
      readOnly: opening.readOnly,
      ...(this.#resources.length > 0 && { resources: this.#resources }),
      eventType: 'AwsApiCall',
      managementEvent: true,
      recipientAccountId: opening.account,
      eventCategory: 'Management',
    }
  }
}

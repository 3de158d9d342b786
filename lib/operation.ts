/**
 * What an operation is. Read this first, then perform.ts.
 *
 * An operation declares its name, its members, the keys it is done on, what it needs and its route; `run` is the verb
 * that is left. Everything else that AWS KMS does around a verb (authentication, validation, look-up, authorization,
 * key usage and state, dry runs, audit) is read from this declaration by the procedure, and everything that must agree
 * with it (Lambda functions, roles, routes, the API description, the permission table) is derived from it.
 */
import type { Place } from './arn.ts'
import type { Attestation } from './crypto/attestation.ts'
import type { KeyUsage } from './crypto/specs.ts'
import type { Grant } from './grants/grant.ts'
import type { Caller } from './identity/caller.ts'
import type { Context, On } from './identity/resources.ts'
import type { Key } from './keys/key.ts'
import type { StateRule } from './keys/states.ts'
import type { PolicyDocument } from './policy/document.ts'
import type { WebIdentity } from './policy/principals.ts'
import type { Ports } from './ports.ts'
import type { StructShape } from './schema/collections.ts'
import { iam, kms, type QueryService, type Service, sts } from './services.ts'
import type { ProxyCall } from './stores/ports.ts'

/** What is asked of the key that one member of the input names. */
export interface KeyRule {
  /** The IAM action, when it is not `kms:<operation>`. */
  readonly action?: string
  /** `any`: key id, key ARN, alias name or alias ARN. `key`: no alias. `target`: no alias, in an alias's words. */
  readonly by: 'any' | 'key' | 'target' | 'alias-name'
  readonly usage?: KeyUsage
  readonly states: StateRule
  /** The key may belong to another account than the caller's. */
  readonly foreign?: true
  /** The member may be absent, and then there is no key. */
  readonly optional?: true
  /** What is asked of the key before its state. Throws. */
  readonly demands?: (key: Key) => void
  /** Policies may ask how long the key has not been used. */
  readonly lastUse?: true
  /** The key is looked up, and the operation is authorized on no key: a filter. */
  readonly filter?: true
  /** What is asked of the key's spec, and of the message by it, after usage and state. Throws. */
  readonly fits?: (key: Key, input: Readonly<Record<string, unknown>>) => void
  /** The members that say how the key encrypts. */
  readonly encryption?: {
    readonly algorithm?: string
    readonly context: string
    /** Holds a ciphertext, which names the key itself; the key's own member is then only a guard. */
    readonly ciphertext?: string
  }
}

/** A key of another Region; or that Region itself, and what is to be created there. */
export type Further = Key | { readonly region: string; readonly input: Readonly<Record<string, unknown>> }

export type Capability = keyof Ports

/** What `run` is given beside the ports it needs. */
export interface Call<I, R> {
  readonly input: I
  readonly caller: Caller
  /** The keys that `on` names, found, permitted and in a fit state. */
  readonly keys: { readonly [P in keyof R]: R[P] extends { readonly optional: true } ? Key | undefined : Key }
  /** Of an operation on a grant, the grant: found, and the caller's to end. */
  readonly grant?: Grant
  /** The attested enclave that alone is to read the answer's plaintext. */
  readonly recipient?: Attestation
  /** The Region served, and the caller's account. */
  readonly place: Place
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly uuid: () => string
  /** Whether this caller, with this request, could do an action under another key policy. */
  readonly permits: (action: string, policy: PolicyDocument) => boolean
  /** Decides on a further action, in another Region. @throws AccessDeniedException */
  readonly demand: (name: string, on: Further) => Promise<void>
  /** What a proxy of an external key store is told of this request. */
  readonly proxyCall: ProxyCall
  /**
   * Asks whether a role may be assumed that only `run` could find.
   * @throws AccessDeniedException
   */
  readonly demandRole: (target: Target) => void
  /** Adds to the audit record's additionalEventData. Nothing secret. */
  readonly note: (data: Readonly<Record<string, string>>) => void
}

/** A role that is to be assumed, and who asks. */
export interface Target {
  readonly arn: string
  readonly account: string
  /** Undefined within when it cannot be read, or there is no such role. */
  readonly trustPolicy: { readonly document: PolicyDocument | undefined }
  /** Who asks without credentials, and how the audit record has them. */
  readonly webIdentity?: { readonly asker: WebIdentity; readonly record: Readonly<Record<string, unknown>> }
  /** Further actions that are asked on it. */
  readonly also: readonly string[]
  /** Condition keys that are this request's. */
  readonly context: Context
}

/** What an operation is in whatever service. */
interface Verb<I, O, R extends Readonly<Record<string, KeyRule>>, N extends Capability> {
  /** AWS's name: the target, the IAM action and the audit record's eventName. */
  readonly name: string
  /** As CloudTrail has it: true for reads and for all cryptography. */
  readonly readOnly: boolean
  readonly summary: string
  readonly input: StructShape<I>
  readonly output: StructShape<O>
  readonly needs: readonly N[]
  run(call: Call<I, R> & Pick<Ports, N>): Promise<O>
}

export interface Operation<I, O, R extends Readonly<Record<string, KeyRule>>, N extends Capability>
  extends Verb<I, O, R, N> {
  /** KMS, where it does not say. */
  readonly service?: Service
  /** RESTful method and path; `{Member}` is a member of the input. */
  readonly route: string
  readonly on: { readonly [P in keyof R]: P extends keyof I ? R[P] : never }
  /** The member that names an alias, which is then a resource of the request too. */
  readonly alias?: Extract<keyof I, string>
  /** The ARN of the key that it makes: a resource of the request once it is made. */
  readonly makes?: (output: O) => string
  /** The request names a grant, which decides who may do it: no key policy does (kms-authz.md §2.2). */
  readonly onGrant?: true
  /** Further IAM actions, on the same resources. */
  readonly also?: (input: I) => readonly string[]
  /** What `run` demands besides, in another Region: actions there, and what they are on. */
  readonly further?: Readonly<Record<string, string>>
  /** What AWS checks between look-up and key usage, of the input alone. Throws. */
  readonly demands?: (input: I) => void
  readonly resource?: Action<I, O, N>['resource']
  readonly open?: true
  readonly decides?: true
  readonly unsigned?: true
  readonly answerOnRecord?: true
}

type NoKeys = Readonly<Record<never, KeyRule>>

/** An operation of IAM or STS: a form in, XML out, on no key. */
export interface Action<I, O, N extends Capability> extends Verb<I, O, NoKeys, N> {
  /** The ARN that policies must allow it on; `*` where there is none. */
  resource?(
    asked: Pick<Call<I, NoKeys>, 'input' | 'caller' | 'place'> & Pick<Ports, N>,
  ): string | On | Promise<string | On>
  /** Further IAM actions, on the same resource. */
  readonly also?: (input: I) => readonly string[]
  /** Whoever can sign may do it, whatever policies say. */
  readonly open?: true
  /** `run` finds out what is asked for, and must `demandRole`. */
  readonly decides?: true
  /** Who asks is said by a member of the input; there is no signature. */
  readonly unsigned?: true
  /** CloudTrail shows what it answered, although it changes nothing. */
  readonly answerOnRecord?: true
}

// biome-ignore lint/suspicious/noExplicitAny: any operation at all, as the registry and the procedure see it
export type AnyOperation = Operation<any, any, any, any>

/** Identity at run time; at compile time it ties `on` to the input, and `needs` to what `run` is given. */
export const operation = <I, O, const R extends Readonly<Record<string, KeyRule>>, const N extends Capability = never>(
  declared: Operation<I, O, R, N>,
): Operation<I, O, R, N> => declared

/** An action as the procedure sees it: it has no keys, and no route of its own. */
const actionOf =
  (service: QueryService) =>
  <I, O, const N extends Capability = never>(declared: Action<I, O, N>): Operation<I, O, NoKeys, N> => ({
    ...declared,
    service,
    on: {},
    route: '',
  })
export const iamAction = actionOf(iam)
export const stsAction = actionOf(sts)

export const serviceOf = ({ service = kms }: Pick<AnyOperation, 'service'>): Service => service

/** A request as it came over the wire, whatever the host. */
export interface Request {
  readonly id: string
  readonly method: string
  /** As sent: not decoded, no query. */
  readonly path: string
  /**
   * The path of a RESTful route as a strict encoder writes it. Some gateways hand on a path that they have decoded, and
   * what was signed can then only be made anew.
   */
  readonly strictPath?: string
  /** As sent, without the question mark. */
  readonly query: string
  /** Names in lower case; values of a repeated name joined with a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Members from the path and query of a RESTful route, or from a form. @throws SerializationException */
  readonly parameters?: () => Readonly<Record<string, unknown>>
  /** Of a RESTful route: what the gateway's authorizer says of who asks. It is believed where that is configured. */
  readonly authorizer?: { readonly iam: unknown }
  /** The peer's address as the host saw it; never from a header that the peer could have sent. */
  readonly sourceIp: string
  readonly secure: boolean
}

export interface Reply {
  readonly status: number
  readonly json: unknown
}

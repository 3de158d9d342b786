/**
 * What is said of a policy's text that cannot stand: by KMS of key policies, by IAM of the policies of identities and of
 * the trust policies of roles, which say who may assume them (kms-authz.md §6.4). The words are AWS's where they are
 * known.
 */
import {
  type KmsError,
  LimitExceededException,
  MalformedPolicyDocument,
  MalformedPolicyDocumentException,
} from '../errors.ts'
import { invalidPrincipalMessage, noPrincipalMessage } from './messages.ts'

/** What can be wrong, each said with a detail that its comment names. */
export const faults = [
  'json',
  /** The field. */
  'unknown field',
  'not a statement',
  'version',
  /** What must be, in words. */
  'type',
  /** The field. */
  'missing',
  /** The field, which is there with its Not… beside it. */
  'both',
  'effect',
  'vendor',
  /** The vendor. */
  'vendor pattern',
  'colons',
  'no principal',
  /** `"AWS":"arn:…"` */
  'invalid principal',
  'NotPrincipal with Allow',
  /** The operator. */
  'operator',
  /** The operator. */
  'value',
  'Sid twice',
] as const
type Fault = (typeof faults)[number]

export interface Dialect {
  readonly fields: readonly string[]
  /** Of principals; none where a statement does not say who it is about. */
  readonly principalTypes: readonly ('AWS' | 'Service' | 'Federated')[]
  readonly tooLarge: () => KmsError
  readonly says: Readonly<Record<Fault, string | ((detail: string) => string)>>
  readonly error: new (message: string) => KmsError
}

const always = ['Sid', 'Effect', 'Action', 'NotAction', 'Condition']
/** The size of a document that is read at all; IAM's quotas for those of its own are smaller. */
export const maxPolicyBytes = 32_768

const sidTwice = 'Statement IDs (SID) in a single policy must be unique.'
const keyAction = 'An action must be * or prefaced by a vendor, e.g., kms, and have one colon.'

/** KMS's words beyond those of principals are not known: these say what is wrong. */
const key: Dialect = {
  fields: [...always, 'Principal', 'NotPrincipal', 'Resource', 'NotResource'],
  principalTypes: ['AWS', 'Service'],
  tooLarge: () => new LimitExceededException(`The policy is larger than ${maxPolicyBytes} bytes.`),
  error: MalformedPolicyDocumentException,
  says: {
    json: 'Policy document is not valid JSON.',
    'unknown field': 'Policy contains an unknown field.',
    'not a statement': 'A statement must be an object.',
    version: 'Version must be 2012-10-17 or 2008-10-17.',
    type: (what) => what,
    missing: (field) => `Missing required field ${field}`,
    both: (field) => `A statement must not have both ${field} and Not${field}.`,
    effect: 'Effect must be Allow or Deny.',
    vendor: keyAction,
    'vendor pattern': keyAction,
    colons: keyAction,
    'no principal': noPrincipalMessage,
    'invalid principal': invalidPrincipalMessage,
    'NotPrincipal with Allow': 'NotPrincipal is not supported with the effect Allow.',
    operator: (name) => `Policy contains an unknown condition operator: ${name}`,
    value: (name) => `Policy contains a value that ${name} cannot compare.`,
    'Sid twice': sidTwice,
  },
}

const syntax = 'Syntax errors in policy.'
const iam: Dialect['says'] = {
  json: syntax,
  'unknown field': syntax,
  'not a statement': syntax,
  version: syntax,
  type: syntax,
  missing: syntax,
  both: syntax,
  effect: syntax,
  vendor: 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
  'vendor pattern': (vendor) => `Vendor ${vendor} is not valid`,
  colons: 'Actions/Condition can contain only one colon.',
  'no principal': 'Missing required field Principal',
  'invalid principal': (principal) => `Invalid principal in policy: ${principal}`,
  'NotPrincipal with Allow': syntax,
  operator: syntax,
  value: 'The policy failed legacy parsing',
  'Sid twice': sidTwice,
}
const missingInIam = new Map([
  ['Action', 'Policy statement must contain actions.'],
  ['Resource', 'Policy statement must contain resources.'],
])
const missing = (field: string): string => missingInIam.get(field) ?? syntax

const identity: Dialect = {
  fields: [...always, 'Resource', 'NotResource'],
  principalTypes: [],
  tooLarge: () => new MalformedPolicyDocument(syntax),
  error: MalformedPolicyDocument,
  says: {
    ...iam,
    missing,
    'unknown field': (field) =>
      /^(?:Not)?Principal$/.test(field) ? 'Policy document should not specify a principal.' : syntax,
  },
}
const trust: Dialect = {
  fields: [...always, 'Principal'],
  principalTypes: ['AWS', 'Service', 'Federated'],
  tooLarge: () => new MalformedPolicyDocument(syntax),
  error: MalformedPolicyDocument,
  says: {
    ...iam,
    json: 'This policy contains invalid Json',
    missing,
    'unknown field': (field) =>
      /^(?:(?:Not)?Resource|NotPrincipal)$/.test(field) ? `Has prohibited field ${field}` : syntax,
  },
}

export const dialects = { key, identity, trust } as const

/** The error that says it. */
export function faultOf({ says, error: Malformed }: Dialect, fault: Fault, detail = ''): KmsError {
  const text = says[fault]
  return new Malformed(typeof text === 'string' ? text : text(detail))
}

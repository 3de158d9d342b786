/** The members that STS's actions share, under AWS's names and limits (kms-authz.md §9.3). */
import { list, struct } from './collections.ts'
import { integer, string, timestamp } from './scalars.ts'
import { required } from './shape.ts'

export const roleArn = string({
  min: 20,
  max: 2048,
  pattern: '^[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u{10000}-\\u{10FFFF}]+$',
})
export const sessionName = string({ min: 2, max: 64, pattern: '^[\\w+=,.@-]*$' })
export const federatedName = string({ min: 2, max: 32, pattern: '^[\\w+=,.@-]*$' })
export const externalId = string({ min: 2, max: 1224, pattern: '^[\\w+=,.@:\\/-]*$' })
export const secondFactor = {
  SerialNumber: string({ min: 9, max: 256, pattern: '^[\\w+=/:,.@-]*$' }),
  TokenCode: string({ min: 6, max: 6, pattern: '^[\\d]*$', sensitive: true }),
}
export const webIdentityToken = string({ min: 4, max: 20_000, sensitive: true })
export const accessKeyId = string({ min: 16, max: 128, pattern: '^[\\w]*$' })

const tagName = string({ min: 1, max: 128, pattern: '^[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+$' })
export const tags = list(
  struct({
    Key: required(tagName),
    Value: required(string({ max: 256, pattern: '^[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*$' })),
  }),
  { max: 50 },
)
export const tagNames = list(tagName, { max: 50 })
/** What a session is cut down by. As much as the policies may have together is said by another error. */
export const sessionPolicies = {
  Policy: string({ min: 1 }),
  PolicyArns: list(struct({ arn: string({ min: 20, max: 2048 }) }), { max: 10 }),
}

export const credentials = struct({
  AccessKeyId: required(string()),
  SecretAccessKey: required(string({ sensitive: true })),
  SessionToken: required(string({ sensitive: true })),
  Expiration: required(timestamp),
})
export const assumedRoleUser = struct({ AssumedRoleId: required(string()), Arn: required(string()) })
export const percent = integer(0, 100)

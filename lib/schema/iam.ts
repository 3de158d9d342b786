/** The members that IAM's actions share (kms-authz.md §9.2), under AWS's names and limits. */
import { list, struct } from './collections.ts'
import { boolean, integer, oneOf, string, timestamp } from './scalars.ts'
import { required, withDefault } from './shape.ts'

/** What a name may consist of is asked apart: IAM has words of its own for it. */
export const userName = string({ min: 1, max: 64 })
export const roleName = string({ min: 1, max: 64 })
export const groupName = string({ min: 1, max: 128 })
export const policyName = string({ min: 1, max: 128 })
export const path = string({ min: 1, max: 512 })
export const arn = string({ min: 20, max: 2048 })
export const document = string({ min: 1, max: 131_072, pattern: '^[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+$' })
export const description = string({ max: 1000, pattern: '^[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*$' })
export const accessKeyId = string({ min: 16, max: 128, pattern: '^[\\w]+$' })
export const accessKeyStatus = oneOf(['Active', 'Inactive'])
export const maxSessionDuration = integer(3600, 43_200)
export const versionId = string({ pattern: '^v[1-9][0-9]*$' })

export const tagKey = string({ min: 1, max: 128, pattern: '^[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+$' })
const tag = struct({
  Key: required(tagKey),
  Value: required(string({ max: 256, pattern: '^[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*$' })),
})
export const tags = list(tag, { max: 50 })
export const tagKeys = list(tagKey, { max: 50 })

export const page = { MaxItems: integer(1, 1000), Marker: string({ min: 1, max: 2048 }) }
export const pageEnd = { IsTruncated: required(boolean), Marker: string() }
export const pathPrefix = withDefault(string({ min: 1, max: 512 }), '/')

const text = required(string())
const boundary = struct({ PermissionsBoundaryType: text, PermissionsBoundaryArn: text })

export const user = struct({
  Path: text,
  UserName: string(),
  UserId: text,
  Arn: text,
  CreateDate: required(timestamp),
  PermissionsBoundary: boundary,
  Tags: tags,
})
export const group = struct({
  Path: text,
  GroupName: text,
  GroupId: text,
  Arn: text,
  CreateDate: required(timestamp),
})
export const role = struct({
  Path: text,
  RoleName: text,
  RoleId: text,
  Arn: text,
  CreateDate: required(timestamp),
  AssumeRolePolicyDocument: text,
  Description: string(),
  MaxSessionDuration: integer(3600, 43_200),
  PermissionsBoundary: boundary,
  Tags: tags,
})
export const managedPolicy = struct({
  PolicyName: text,
  PolicyId: text,
  Arn: text,
  Path: text,
  DefaultVersionId: text,
  AttachmentCount: required(integer(0, 0x7fffffff)),
  PermissionsBoundaryUsageCount: integer(0, 0x7fffffff),
  IsAttachable: required(boolean),
  Description: string(),
  CreateDate: required(timestamp),
  UpdateDate: required(timestamp),
  Tags: tags,
})
export const policyVersion = struct({
  Document: string(),
  VersionId: text,
  IsDefaultVersion: required(boolean),
  CreateDate: required(timestamp),
})
export const attachedPolicy = struct({ PolicyName: text, PolicyArn: text })

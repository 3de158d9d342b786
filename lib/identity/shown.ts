/** IAM's records as its actions show them. */
import type { Group, ManagedPolicy, PolicyReference, PolicyVersion, Role, User } from './entities.ts'
import { versionId } from './managed-policies.ts'
import { sorted } from './tags.ts'

/** Documents are percent-encoded in answers (RFC 3986), and plain in requests. */
export const encodedDocument = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

export const boundaryShown = (boundary: PolicyReference | undefined) =>
  boundary && {
    PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: boundary.arn },
  }
export const tagsShown = (tags: Readonly<Record<string, string>>) =>
  Object.keys(tags).length > 0 ? { Tags: sorted(tags) } : undefined

const nameIn = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1)
export const attachedShown = ({ arn }: PolicyReference) => ({ PolicyName: nameIn(arn), PolicyArn: arn })

export const userListed = ({ path, name, id, arn, createdAt }: User) => ({
  Path: path,
  UserName: name,
  UserId: id,
  Arn: arn,
  CreateDate: createdAt,
})
export const userShown = (user: User) => ({
  ...userListed(user),
  ...boundaryShown(user.boundary),
  ...tagsShown(user.tags),
})

export const groupShown = ({ path, name, id, arn, createdAt }: Group) => ({
  Path: path,
  GroupName: name,
  GroupId: id,
  Arn: arn,
  CreateDate: createdAt,
})

export const roleListed = (role: Role) => ({
  Path: role.path,
  RoleName: role.name,
  RoleId: role.id,
  Arn: role.arn,
  CreateDate: role.createdAt,
  AssumeRolePolicyDocument: encodedDocument(role.trustPolicy),
  ...(role.description !== undefined && { Description: role.description }),
  MaxSessionDuration: role.maxSessionSeconds,
})
export const roleShown = (role: Role) => ({
  ...roleListed(role),
  ...boundaryShown(role.boundary),
  ...tagsShown(role.tags),
})

export interface Uses {
  readonly attachments: number
  readonly boundaries: number
}
export const policyListed = (policy: ManagedPolicy, { attachments, boundaries }: Uses) => ({
  PolicyName: policy.name,
  PolicyId: policy.id,
  Arn: policy.arn,
  Path: policy.path,
  DefaultVersionId: versionId(policy.defaultVersion),
  AttachmentCount: attachments,
  PermissionsBoundaryUsageCount: boundaries,
  IsAttachable: true,
  CreateDate: policy.createdAt,
  UpdateDate: policy.updatedAt,
})
export const policyShown = (policy: ManagedPolicy, uses: Uses) => ({
  ...policyListed(policy, uses),
  ...(policy.description !== undefined && { Description: policy.description }),
  ...tagsShown(policy.tags),
})

export const versionListed = ({ number, createdAt }: PolicyVersion, { defaultVersion }: ManagedPolicy) => ({
  VersionId: versionId(number),
  IsDefaultVersion: number === defaultVersion,
  CreateDate: createdAt,
})
export const versionShown = (version: PolicyVersion, policy: ManagedPolicy) => ({
  Document: encodedDocument(version.text),
  ...versionListed(version, policy),
})

import { AccessDeniedException, ValidationException } from '../../../lib/errors.ts'
import {
  demandChainable,
  noSecondFactor,
  roleAt,
  roleSession,
  sentTags,
  sessionTags,
  sourceIdentityOf,
  targetOf,
} from '../../../lib/identity/role-sessions.ts'
import { askerIn, contextIn, membersIn, verifiedToken } from '../../../lib/identity/web-identities.ts'
import { stsAction } from '../../../lib/operation.ts'
import { struct } from '../../../lib/schema/collections.ts'
import { integer, string } from '../../../lib/schema/scalars.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'
import {
  assumedRoleUser,
  credentials,
  externalId,
  percent,
  roleArn,
  secondFactor,
  sessionName,
  sessionPolicies,
  tagNames,
  tags,
  webIdentityToken,
} from '../../../lib/schema/sts-members.ts'

const durationSeconds = withDefault(integer(900, 43_200), 3600)

export const assumeRole = stsAction({
  name: 'AssumeRole',
  readOnly: true,
  answerOnRecord: true,
  summary: 'Gives temporary credentials of a role to somebody whom its trust policy lets assume it.',
  input: struct({
    RoleArn: required(roleArn),
    RoleSessionName: required(sessionName),
    DurationSeconds: durationSeconds,
    ...sessionPolicies,
    Tags: tags,
    TransitiveTagKeys: tagNames,
    ExternalId: externalId,
    SourceIdentity: sessionName,
    ...secondFactor,
  }),
  output: struct({
    Credentials: required(credentials),
    AssumedRoleUser: required(assumedRoleUser),
    PackedPolicySize: percent,
    SourceIdentity: string(),
  }),
  decides: true,
  needs: ['principals', 'sessions', 'hsm'],
  async run({ input, caller, place, now, demandRole, principals, sessions, hsm }) {
    const { RoleSessionName: name, ExternalId, TransitiveTagKeys } = input
    if (caller.type === 'Root') throw new AccessDeniedException('Roles may not be assumed by root accounts.')
    const found = await roleAt(input.RoleArn, principals)
    const asked = { ...sessionTags(input, caller), ...sourceIdentityOf(input.SourceIdentity, caller) }
    demandRole(
      targetOf(found, asked, sentTags(input), [
        ['sts:ExternalId', ExternalId],
        ['sts:RoleSessionName', name],
        ['sts:TransitiveTagKeys', TransitiveTagKeys],
      ]),
    )
    demandChainable(caller, found.arn)
    if (input.SerialNumber !== undefined || input.TokenCode !== undefined) throw noSecondFactor()
    return roleSession({ found, input, name, asked, caller, place, now }, { principals, sessions, hsm })
  },
})

export const assumeRoleWithWebIdentity = stsAction({
  name: 'AssumeRoleWithWebIdentity',
  readOnly: true,
  answerOnRecord: true,
  unsigned: true,
  summary: 'Gives temporary credentials of a role to somebody whom an OIDC provider vouches for.',
  input: struct({
    RoleArn: required(roleArn),
    RoleSessionName: required(sessionName),
    WebIdentityToken: required(webIdentityToken),
    ProviderId: string({ min: 4, max: 2048 }),
    ...sessionPolicies,
    DurationSeconds: durationSeconds,
  }),
  output: struct({
    Credentials: required(credentials),
    SubjectFromWebIdentityToken: required(string()),
    AssumedRoleUser: required(assumedRoleUser),
    PackedPolicySize: percent,
    Provider: required(string()),
    Audience: required(string()),
    SourceIdentity: string(),
  }),
  decides: true,
  needs: ['principals', 'issuers', 'sessions', 'hsm'],
  async run({ input, place, now, demandRole, principals, issuers, sessions, hsm }) {
    const name = input.RoleSessionName
    // It is for access tokens of OAuth 2.0 providers that AWS knows by name.
    if (input.ProviderId !== undefined) throw new ValidationException('ProviderId is not for OpenID Connect ID tokens')
    const found = await roleAt(input.RoleArn, principals)
    const lookUp = { oidcProviders: principals.oidcProviders, issuers }
    const token = await verifiedToken(input.WebIdentityToken, found.account, lookUp, now)
    const claimed = membersIn(token)
    const asked = { ...sessionTags(claimed), ...claimed.sourceIdentity }
    const context = [...contextIn(token), ['sts:RoleSessionName', name] as const]
    demandRole({
      ...targetOf(found, asked, sentTags(claimed), [...context, ['sts:TransitiveTagKeys', asked.transitiveTags]]),
      webIdentity: askerIn(token, found.account),
    })
    const provider = token.provider.arn
    return {
      ...(await roleSession(
        { found, input, name, asked: { ...asked, provider }, place, now },
        { principals, sessions, hsm },
      )),
      SubjectFromWebIdentityToken: token.subject,
      Provider: provider,
      Audience: token.audience,
    }
  },
})

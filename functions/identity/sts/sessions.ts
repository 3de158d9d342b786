import { issueCredentials } from '../../../lib/identity/credentials.ts'
import { noSecondFactor, sessionPolicies, sessionTags } from '../../../lib/identity/role-sessions.ts'
import { stsArn } from '../../../lib/identity/session-callers.ts'
import { sessionSeconds, userSessionOf } from '../../../lib/identity/user-sessions.ts'
import { stsAction } from '../../../lib/operation.ts'
import { struct } from '../../../lib/schema/collections.ts'
import { integer, string } from '../../../lib/schema/scalars.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'
import {
  credentials,
  sessionPolicies as cutDownBy,
  federatedName,
  percent,
  secondFactor,
  tags,
} from '../../../lib/schema/sts-members.ts'

const durationSeconds = withDefault(integer(900, 129_600), 43_200)

export const getSessionToken = stsAction({
  name: 'GetSessionToken',
  readOnly: false,
  summary: 'Gives temporary credentials of the user that asks.',
  input: struct({ DurationSeconds: durationSeconds, ...secondFactor }),
  output: struct({ Credentials: required(credentials) }),
  needs: ['sessions', 'hsm'],
  // Its session can do no more than the user can.
  open: true,
  async run({ input, caller, now, sessions, hsm }) {
    const of = userSessionOf(caller, 'GetSessionToken')
    if (input.SerialNumber !== undefined || input.TokenCode !== undefined) throw noSecondFactor()
    const seconds = sessionSeconds(input.DurationSeconds, caller)
    const asked = { account: caller.account, of, issuedAt: now, seconds }
    const { Credentials } = await issueCredentials(asked, { sessions, hsm })
    return { Credentials }
  },
})

export const getFederationToken = stsAction({
  name: 'GetFederationToken',
  readOnly: false,
  summary: 'Gives temporary credentials to somebody whom a user vouches for, with no more than both may do.',
  input: struct({
    Name: required(federatedName),
    ...cutDownBy,
    DurationSeconds: durationSeconds,
    Tags: tags,
  }),
  output: struct({
    Credentials: required(credentials),
    FederatedUser: required(struct({ FederatedUserId: required(string()), Arn: required(string()) })),
    PackedPolicySize: percent,
  }),
  needs: ['principals', 'sessions', 'hsm'],
  resource: ({ input, place }) => stsArn(place, `federated-user/${input.Name}`),
  also: ({ Tags = [] }) => (Tags.length > 0 ? ['sts:TagSession'] : []),
  async run({ input, caller, place, now, principals, sessions, hsm }) {
    const { Name: name } = input
    const of = { ...userSessionOf(caller, 'GetFederationToken'), type: 'FederatedUser', name } as const
    const policies = await sessionPolicies(input, caller.account, principals)
    const seconds = sessionSeconds(input.DurationSeconds, caller)
    const asked = { account: caller.account, of, issuedAt: now, seconds, ...policies, ...sessionTags(input) }
    const { Credentials, packedPercent } = await issueCredentials(asked, { sessions, hsm })
    return {
      Credentials,
      FederatedUser: { FederatedUserId: `${caller.account}:${name}`, Arn: stsArn(place, `federated-user/${name}`) },
      PackedPolicySize: packedPercent,
    }
  },
})

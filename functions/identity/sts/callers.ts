import { AccessDeniedException, ValidationException } from '../../../lib/errors.ts'
import { accountOfAccessKeyId } from '../../../lib/identity/ids.ts'
import { stsAction } from '../../../lib/operation.ts'
import { struct } from '../../../lib/schema/collections.ts'
import { string } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'
import { accessKeyId } from '../../../lib/schema/sts-members.ts'

export const getCallerIdentity = stsAction({
  name: 'GetCallerIdentity',
  readOnly: true,
  summary: 'Says who the caller is.',
  input: struct({}),
  output: struct({ UserId: required(string()), Account: required(string()), Arn: required(string()) }),
  needs: [],
  open: true,
  async run({ caller }) {
    return { UserId: caller.principalId, Account: caller.account, Arn: caller.arn }
  },
})

export const getAccessKeyInfo = stsAction({
  name: 'GetAccessKeyInfo',
  readOnly: true,
  summary: 'Says which account an access key is of.',
  input: struct({ AccessKeyId: required(accessKeyId) }),
  output: struct({ Account: required(string()) }),
  needs: ['accessKeys'],
  async run({ input, caller, accessKeys }) {
    // As AWS has it: a user's own session is for assuming roles, and for asking who it is.
    if (caller.session && caller.type !== 'AssumedRole') {
      throw new AccessDeniedException('Cannot call GetAccessKeyInfo with session credentials')
    }
    const id = input.AccessKeyId
    // Ids that this service makes say it themselves; the root user's may have been chosen by somebody.
    const account = accountOfAccessKeyId(id) ?? (await accessKeys.find(id))?.account
    if (account === undefined) throw new ValidationException('The access key id is invalid.')
    return { Account: account }
  },
})

import { stsAction } from '../../../lib/operation.ts'
import { struct } from '../../../lib/schema/collections.ts'
import { string } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'

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

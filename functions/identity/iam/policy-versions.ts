import { DeleteConflict, LimitExceeded } from '../../../lib/errors.ts'
import type { ManagedPolicy } from '../../../lib/identity/entities.ts'
import {
  demandOwnPolicy,
  demandPolicy,
  demandSoundPolicy,
  demandVersion,
  policyResource,
  versionId,
} from '../../../lib/identity/managed-policies.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import { versionListed, versionShown } from '../../../lib/identity/shown.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { arn, document, page, pageEnd, policyVersion, versionId as versionIdShape } from '../../../lib/schema/iam.ts'
import { boolean } from '../../../lib/schema/scalars.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'

const maxVersions = 5
const ofVersion = struct({ PolicyArn: required(arn), VersionId: required(versionIdShape) })

const createPolicyVersion = iamAction({
  name: 'CreatePolicyVersion',
  readOnly: false,
  summary: 'Adds a version to a managed policy, and puts it in force where that is asked.',
  input: struct({
    PolicyArn: required(arn),
    PolicyDocument: required(document),
    SetAsDefault: withDefault(boolean, false),
  }),
  output: struct({ PolicyVersion: required(policyVersion) }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => policyResource(input.PolicyArn, asked),
  async run({ input, place, now, principals }) {
    demandSoundPolicy(input.PolicyDocument)
    const policy = await demandOwnPolicy(input.PolicyArn, place.account, principals)
    if (policy.versions.length >= maxVersions) {
      throw new LimitExceeded(
        'A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.',
      )
    }
    const version = { number: policy.newestVersion + 1, text: input.PolicyDocument, createdAt: now }
    const changed = {
      ...policy,
      versions: [...policy.versions, version],
      newestVersion: version.number,
      defaultVersion: input.SetAsDefault ? version.number : policy.defaultVersion,
      updatedAt: now,
    }
    await principals.managedPolicies.replace(changed)
    return { PolicyVersion: versionListed(version, changed) }
  },
})

const getPolicyVersion = iamAction({
  name: 'GetPolicyVersion',
  readOnly: true,
  summary: 'Shows the document of a version of a managed policy.',
  input: ofVersion,
  output: struct({ PolicyVersion: required(policyVersion) }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => policyResource(input.PolicyArn, asked),
  async run({ input, place, principals }) {
    const policy = await demandPolicy(input.PolicyArn, place.account, principals)
    return { PolicyVersion: versionShown(demandVersion(policy, input.VersionId), policy) }
  },
})

const listPolicyVersions = iamAction({
  name: 'ListPolicyVersions',
  readOnly: true,
  summary: 'Lists the versions of a managed policy, newest first.',
  input: struct({ PolicyArn: required(arn), ...page }),
  output: struct({ Versions: required(list(policyVersion)), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => policyResource(input.PolicyArn, asked),
  async run({ input, place, principals }) {
    const policy = await demandPolicy(input.PolicyArn, place.account, principals)
    const ordered = policy.versions.toReversed()
    const { after, limit } = pageOf(input)
    const from = after === undefined ? 0 : ordered.findIndex(({ number }) => versionId(number) === after) + 1
    const items = ordered.slice(from, from + limit)
    const end = endOf({ items, more: from + limit < ordered.length }, ({ number }) => versionId(number))
    return { Versions: items.map((each) => versionListed(each, policy)), ...end }
  },
})

type Change = (policy: ManagedPolicy, number: number) => Partial<ManagedPolicy>
const versionChanges = (
  [
    [
      'DeletePolicyVersion',
      'Deletes a version of a managed policy that is not in force.',
      ({ versions, defaultVersion }, number) => {
        if (number === defaultVersion) throw new DeleteConflict('Cannot delete the default version of a policy.')
        return { versions: versions.filter((each) => each.number !== number) }
      },
    ],
    [
      'SetDefaultPolicyVersion',
      'Puts a version of a managed policy in force.',
      (_, number) => ({ defaultVersion: number }),
    ],
  ] as const satisfies readonly (readonly [string, string, Change])[]
).map(([name, summary, changed]) =>
  iamAction({
    name,
    readOnly: false,
    summary,
    input: ofVersion,
    output: struct({}),
    needs: ['principals'],
    resource: ({ input, ...asked }) => policyResource(input.PolicyArn, asked),
    async run({ input, place, now, principals }) {
      const policy = await demandOwnPolicy(input.PolicyArn, place.account, principals)
      const { number } = demandVersion(policy, input.VersionId)
      await principals.managedPolicies.replace({ ...policy, ...changed(policy, number), updatedAt: now })
      return {}
    },
  }),
)

export const policyVersionActions = [
  createPolicyVersion,
  getPolicyVersion,
  listPolicyVersions,
  ...versionChanges,
] as const

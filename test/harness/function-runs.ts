/** Functions as they run deployed: their store and trail in DynamoDB, reached with the credentials of their own role. */
import { randomUUID } from 'node:crypto'
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { openedLate } from '../../lib/hsm/late.ts'
import { pinInSecret } from '../../lib/hsm/pin.ts'
import { iamArn } from '../../lib/identity/entities.ts'
import { useWorld } from '../../lib/runtime.ts'
import { auditTable } from '../../lib/sinks/places.ts'
import { openSink } from '../../lib/sinks/sink.ts'
import type { Records } from '../../lib/store/cached.ts'
import type { Item } from '../../lib/store/items.ts'
import { openStore, recordsIn } from '../../lib/store/store.ts'
import { tableDefinition } from '../../lib/store/table.ts'
import type { Cloud } from './cloud.ts'
import { people as peopleOfExamples } from './iam-scene.ts'
import { addUser, aGroup, aManagedPolicy, aRole, policyText } from './identities.ts'
import { type Stage, stage } from './inputs.ts'
import { memoryStore } from './memory-store.ts'
import { type Items, memoryTable } from './memory-table.ts'
import { deployed, secretArn } from './role-policies.ts'
import { clientOf } from './sdk.ts'
import type { Credentials } from './sign.ts'
import type { SoftHsm } from './soft-hsm.ts'
import { account, newNetwork, region, root, TestWorld } from './world.ts'

/** Who asks, of every kind that policies are looked up for. */
export interface People {
  /** In a group, within a boundary, with policies that ask for a key's aliases. */
  readonly user: Credentials
  /** Of a role, with session policies. */
  readonly session: Credentials
  /** Has nothing but a grant. */
  readonly grantee: Credentials
}

export interface Staged {
  /** The service before it is deployed: in memory, reached by whoever is to set the stage. */
  readonly world: TestWorld
  readonly at: Stage
  readonly people: People
  /** A key in an external key store; its alias is alias/external. */
  readonly external: string
  /** A key whose policy names a user. */
  readonly named: string
  /** A key that waits for its deletion. */
  readonly waiting: string
  /**
   * The deployed service, for one function: on the tables as they were staged, the same before there was any session, or
   * as the one before has left them.
   */
  deploy(role: string, tables?: 'staged' | 'sessionless' | 'left'): Promise<Deployed>
}

export interface Deployed {
  readonly world: TestWorld
  close(): Promise<void>
}

/** A key policy for the account, and somebody of it by name. */
export const namingPolicy = (arn: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [`arn:aws:iam::${account}:root`, arn].map((AWS) => ({
      Effect: 'Allow',
      Principal: { AWS },
      Action: 'kms:*',
      Resource: '*',
    })),
  })

const aliasAsked = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'sts:*', Resource: '*' },
    {
      Effect: 'Allow',
      Action: 'kms:*',
      Resource: '*',
      Condition: { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': 'alias/*' } },
    },
  ],
})

async function gathered(world: TestWorld): Promise<People> {
  const { principals } = world.open
  const own = (type: 'group' | 'policy' | 'role', name: string) => ({
    account,
    arn: iamArn({ partition: 'aws', account }, type, `/${name}`),
  })
  const policy = aManagedPolicy('all', policyText('*'), own('policy', 'all'))
  const { id, arn } = policy
  const attached = [{ id, arn }]
  const group = aGroup('team', { ...own('group', 'team'), attached })
  const trustPolicy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'sts:AssumeRole' }],
  })
  const role = aRole('deploy', { ...own('role', 'deploy'), attached, trustPolicy })
  await principals.managedPolicies.create(policy)
  await principals.groups.create(group)
  await principals.roles.create(role)
  const inline = { aliases: aliasAsked }
  const { credentials: user } = await addUser(world, 'member', { inline, groups: [group.id], boundary: { id, arn } })
  const { credentials: grantee } = await addUser(world, 'grantee')
  const sts = new STSClient(clientOf(world, user))
  const { Credentials: given = {} } = await sts.send(
    new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'work', PolicyArns: [{ arn }] }),
  )
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = given as Readonly<Record<string, string>>
  return {
    user,
    grantee,
    session: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
  }
}

async function tablesAnew(cloud: Cloud, items: readonly Item[]): Promise<void> {
  const credentials = { accessKeyId: 'operator', secretAccessKey: 'operator' }
  const client = new DynamoDBClient({ region, endpoint: cloud.tables, credentials })
  for (const definition of [tableDefinition(deployed.store), auditTable(deployed.audit)]) {
    const { TableName } = definition
    await client.send(new DeleteTableCommand({ TableName })).catch(() => undefined)
    for (let tries = 0; ; tries++) {
      try {
        await client.send(new CreateTableCommand(definition))
        break
      } catch (error) {
        if (tries === 100) throw error
      }
    }
    await waitUntilTableExists({ client, minDelay: 0.005, maxDelay: 0.05, maxWaitTime: 10 }, { TableName })
  }
  const documents = DynamoDBDocumentClient.from(client)
  const all = items.map((Item) => ({ PutRequest: { Item } }))
  for (let at = 0; at < all.length; at += 25) {
    await documents.send(new BatchWriteCommand({ RequestItems: { [deployed.store]: all.slice(at, at + 25) } }))
  }
  client.destroy()
}

export async function staged(cloud: Cloud): Promise<Staged> {
  const items: Items = new Map()
  let records: Records = recordsIn(memoryTable(items))
  const network = newNetwork((where) => (where === region ? records : memoryStore()))
  const world = new TestWorld(region, network)
  await world.addRoot(account, root)
  useWorld(world.open)
  const at = await stage(world)
  const people = await gathered(world)
  await peopleOfExamples(world)
  world.proxy.addKey('external-1')
  const inStore = { Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: at.connected, XksKeyId: 'external-1' }
  const external = (await world.key(inStore)).KeyId
  await world.call('CreateAlias', { AliasName: 'alias/external', TargetKeyId: external })
  const named = (await world.key({ Policy: namingPolicy(`arn:aws:iam::${account}:user/member`) })).KeyId
  const waiting = (await world.key()).KeyId
  await world.call('ScheduleKeyDeletion', { KeyId: waiting })
  await world.call('CreateGrant', {
    KeyId: at.keyId,
    GranteePrincipal: `arn:aws:iam::${account}:user/grantee`,
    RetiringPrincipal: `arn:aws:iam::${account}:root`,
    Operations: ['Encrypt', 'DescribeKey', 'RetireGrant'],
  })
  const soft = network.hsms.get(region)
  if (!soft) throw new Error('the stage has no HSM')

  return {
    world,
    at,
    people,
    external,
    named,
    waiting,
    async deploy(role, tables = 'staged') {
      const kept = [...items.values()].filter(
        ({ PK }) => tables !== 'sessionless' || PK !== 'ACCESSKEY#session-sealing',
      )
      if (tables !== 'left') await tablesAnew(cloud, kept)
      const { accessKeyId, secretAccessKey, sessionToken } = cloud.credentialsOf(role)
      Object.assign(process.env, {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken,
        AWS_ENDPOINT_URL_EVENTBRIDGE: cloud.endpoint,
      })
      const { endpoint } = cloud
      const store = await openStore({
        kind: 'dynamodb',
        endpoint,
        region,
        table: deployed.store,
        cacheTtlMs: 0,
        now: () => network.clock.ms,
      })
      const sink = await openSink({
        kind: 'dynamodb',
        directory: '',
        region,
        table: deployed.audit,
        endpoint,
        keepDays: 0,
        strict: true,
        bus: deployed.bus,
        uuid: randomUUID,
        now: () => network.clock.ms,
        log: () => undefined,
      })
      records = store
      const late = openedLate(async () => {
        await pinInSecret({ id: secretArn, endpoint, region, now: Date.now })
        return Object.assign(soft, { counters: late.counters, close: () => undefined })
      })
      network.hsms.set(region, late as unknown as SoftHsm)
      const there = new TestWorld(region, network)
      there.proxy.addKey('external-1', world.proxy.keys.get('external-1'))
      Object.assign(there.open, {
        audit: sink,
        trail: sink.trail,
        check: async () => {
          await store.check()
          await late.check()
        },
      })
      useWorld(there.open)
      return {
        world: there,
        async close() {
          await there.lastUsage.close()
          await sink.close()
          await store.close()
        },
      }
    },
  }
}

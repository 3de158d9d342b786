import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootArn } from '../lib/arn.ts'
import { equal, utf8, wipedAfter } from '../lib/bytes.ts'
import type { Config } from '../lib/config.ts'
import type { AccessKey } from '../lib/identity/caller.ts'
import { accessKeyId } from '../lib/identity/ids.ts'
import { ownerOfSecret } from '../lib/identity/signing-keys.ts'
import type { World } from '../lib/perform.ts'
import { Conflict, type Hsm } from '../lib/ports.ts'

interface Credentials {
  readonly id: string
  readonly secret: string
}

async function newCredentials(account: string, hsm: Hsm): Promise<Credentials> {
  const id = accessKeyId('AKIA', account, await hsm.random(5))
  return { id, secret: Buffer.from(await hsm.random(30)).toString('base64') }
}

/** Credentials by profile, in the AWS shared-credentials format, so that every AWS client can read them. */
type Profiles = ReadonlyMap<string, Credentials>

const fileOf = (profiles: Profiles): string =>
  [...profiles]
    .map(([name, { id, secret }]) => `[${name}]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`)
    .join('\n')

function readProfiles(path: string): Profiles {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const profiles = text.split(/^(?=\[)/m).flatMap((section): [string, Credentials][] => {
    const name = /^\[([^\]\n]+)\]/.exec(section)?.[1]
    const id = /^aws_access_key_id\s*=\s*(\S+)$/m.exec(section)?.[1]
    const secret = /^aws_secret_access_key\s*=\s*(\S+)$/m.exec(section)?.[1]
    return name && id && secret ? [[name, { id, secret }]] : []
  })
  return new Map(profiles)
}

/**
 * Sees to it that the root user of each account has an access key: the one that the configuration seeds, the one that
 * the credentials file holds, or a new one, written there first. The secret is for the client alone; what the service
 * keeps is wrapped by the HSM.
 *
 * @returns where the credentials file is; undefined when the configuration seeds the key of the deployment's account
 */
export async function ensureRootUser(world: World, config: Config): Promise<string | undefined> {
  const { KEYSTEAD_ROOT_ACCESS_KEY_ID: id, KEYSTEAD_ROOT_SECRET_ACCESS_KEY: secret } = config
  const seeded = id !== undefined && secret !== undefined ? { id, secret } : undefined
  const path = join(config.KEYSTEAD_HOME, 'credentials')
  const further = config.KEYSTEAD_ACCOUNTS?.split(',') ?? []
  const wanted = new Map([
    ...(seeded ? [] : [['default', world.account] as const]),
    ...further.map((account) => [account, account] as const),
  ])
  const profiles = await withProfiles(path, wanted, world.hsm)
  if (seeded) await ensure(world, world.account, seeded, 'KEYSTEAD_ROOT_SECRET_ACCESS_KEY')
  for (const [name, account] of wanted) {
    const credentials = profiles.get(name)
    if (credentials) await ensure(world, account, credentials, path)
  }
  return seeded ? undefined : path
}

/** The file's profiles and the missing ones, written before anybody else knows of them. */
async function withProfiles(path: string, wanted: ReadonlyMap<string, string>, hsm: Hsm): Promise<Profiles> {
  const present = readProfiles(path)
  const profiles = new Map(present)
  for (const [name, account] of wanted) if (!profiles.has(name)) profiles.set(name, await newCredentials(account, hsm))
  if (profiles.size === present.size) return profiles
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
  const kept = present.size > 0 ? `${readFileSync(path, 'utf8').trimEnd()}\n\n` : ''
  const made = new Map([...profiles].filter(([name]) => !present.has(name)))
  writeFileSync(`${path}.new`, kept + fileOf(made), { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return profiles
}

/** @param from where the secret is from, as an error names it */
async function ensure(world: World, account: string, credentials: Credentials, from: string): Promise<void> {
  const known = await world.accessKeys.find(credentials.id, { fresh: true })
  if (!known) return takeIn(world, account, credentials)
  if (known.account !== account || !known.principal) {
    throw new Error(`${from} has an access key that is not the root user's of account ${account}: ${known.id}`)
  }
  if (!(await isSecretOf(world, known, credentials.secret))) {
    throw new Error(
      `${from} is not the secret that access key ${known.id} was made with. Restore it, or choose another id`,
    )
  }
}

/** Whether the HSM holds this secret for the access key: both make the same MAC. */
async function isSecretOf(world: World, accessKey: AccessKey, secret: string): Promise<boolean> {
  const probe = utf8('keystead')
  const held = await world.hsm.mac(ownerOfSecret(accessKey), accessKey.wrapped, probe)
  return equal(held, createHmac('sha256', `AWS4${secret}`).update(probe).digest())
}

async function takeIn(world: World, account: string, { id, secret }: Credentials): Promise<void> {
  const { partition } = world
  const wrapped = await wipedAfter(utf8(`AWS4${secret}`), (key) =>
    world.hsm.wrapSecret(ownerOfSecret({ account, id }), key),
  )
  const principal = { type: 'Root', account, arn: rootArn({ partition, account }), principalId: account } as const
  try {
    await world.accessKeys.create({ id, account, status: 'Active', principal, createdAt: world.now(), wrapped })
  } catch (error) {
    // Another process was first.
    if (!(error instanceof Conflict)) throw error
  }
}

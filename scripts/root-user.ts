import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootArn } from '../lib/arn.ts'
import { equal, utf8 } from '../lib/bytes.ts'
import type { Config } from '../lib/config.ts'
import type { AccessKey } from '../lib/identity/caller.ts'
import { ownerOfSecret } from '../lib/identity/signing-keys.ts'
import type { World } from '../lib/perform.ts'
import { Conflict, type Hsm } from '../lib/ports.ts'

interface Credentials {
  readonly id: string
  readonly secret: string
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

async function newCredentials(hsm: Hsm): Promise<Credentials> {
  const letters = Array.from(await hsm.random(16), (byte) => base32[byte & 31]).join('')
  return { id: `AKIA${letters}`, secret: Buffer.from(await hsm.random(30)).toString('base64') }
}

/** The AWS shared-credentials format, so that every AWS client can read it. */
const fileOf = ({ id, secret }: Credentials): string =>
  `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`

function readCredentials(path: string): Credentials | undefined {
  if (!existsSync(path)) return
  const text = readFileSync(path, 'utf8')
  const id = /^aws_access_key_id\s*=\s*(\S+)$/m.exec(text)?.[1]
  const secret = /^aws_secret_access_key\s*=\s*(\S+)$/m.exec(text)?.[1]
  return id && secret ? { id, secret } : undefined
}

/**
 * Sees to it that the root user has an access key: the one that the configuration seeds, the one that the credentials
 * file holds, or a new one, written there first. The secret is for the client alone; what the service keeps is wrapped
 * by the HSM.
 *
 * @returns where the credentials file is; undefined when the configuration seeds the key
 */
export async function ensureRootUser(world: World, config: Config): Promise<string | undefined> {
  const { KEYSTEAD_ROOT_ACCESS_KEY_ID: id, KEYSTEAD_ROOT_SECRET_ACCESS_KEY: secret } = config
  const path = join(config.KEYSTEAD_HOME, 'credentials')
  const seeded = id !== undefined && secret !== undefined ? { id, secret } : undefined
  let credentials = seeded ?? readCredentials(path)
  if (!credentials) {
    credentials = await newCredentials(world.hsm)
    mkdirSync(config.KEYSTEAD_HOME, { recursive: true, mode: 0o700 })
    writeFileSync(`${path}.new`, fileOf(credentials), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
  const known = await world.accessKeys.find(credentials.id, { fresh: true })
  if (!known) await takeIn(world, credentials)
  else if (!(await isSecretOf(world, known, credentials.secret))) {
    const from = seeded ? 'KEYSTEAD_ROOT_SECRET_ACCESS_KEY' : path
    throw new Error(
      `${from} is not the secret that access key ${known.id} was made with. Restore it, or choose another id`,
    )
  }
  return seeded ? undefined : path
}

/** Whether the HSM holds this secret for the access key: both make the same MAC. */
async function isSecretOf(world: World, accessKey: AccessKey, secret: string): Promise<boolean> {
  const probe = utf8('keystead')
  const held = await world.hsm.mac(ownerOfSecret(accessKey), accessKey.wrapped, probe)
  return equal(held, createHmac('sha256', `AWS4${secret}`).update(probe).digest())
}

async function takeIn(world: World, { id, secret }: Credentials): Promise<void> {
  const { account, partition } = world
  const key = utf8(`AWS4${secret}`)
  const wrapped = await world.hsm.wrapSecret(ownerOfSecret({ account, id }), key)
  key.fill(0)
  const principal = { type: 'Root', account, arn: rootArn({ partition, account }), principalId: account } as const
  try {
    await world.accessKeys.create({ id, account, status: 'Active', principal, createdAt: world.now(), wrapped })
  } catch (error) {
    // Another process was first.
    if (!(error instanceof Conflict)) throw error
  }
}

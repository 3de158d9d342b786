/** Who may do what, with the AWS CLI as it is: several principals, two accounts; and where their secrets are not. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { guideIn, shown } from '../harness/guides.ts'
import { cleanEnv, type RunningServer, removeHome, startServer } from '../harness/server.ts'
import type { Credentials } from '../harness/sign.ts'

/** The CLI takes a second to start, and more on a busy machine. */
vi.setConfig({ testTimeout: 120_000 })

const installed = spawnSync('aws', ['--version']).status === 0
const account = '000000000000'
const other = '222222222222'

let server: RunningServer
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keystead-access-'))
  server = await startServer('local', { env: { KEYSTEAD_ACCOUNTS: other } })
  symlinkSync(server.home, join(folder, '.keystead'))
})
afterAll(async () => {
  await server.stop()
  removeHome(server.home)
  rmSync(folder, { recursive: true, force: true })
})

const settings = () =>
  cleanEnv({
    // The CLI keeps the credentials of roles there, those of other servers' roles of the same name among them.
    HOME: folder,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: server.url,
  })

/** Somebody as the CLI knows them: a profile of the credentials file, or an access key. */
type Who = string | Credentials

function aws(who: Who, words: string, ...more: string[]) {
  const by =
    typeof who === 'string'
      ? { AWS_SHARED_CREDENTIALS_FILE: server.credentialsFile, AWS_PROFILE: who }
      : {
          AWS_ACCESS_KEY_ID: who.accessKeyId,
          AWS_SECRET_ACCESS_KEY: who.secretAccessKey,
          ...(who.sessionToken !== undefined && { AWS_SESSION_TOKEN: who.sessionToken }),
        }
  const ran = spawnSync('aws', [...words.split(' '), ...more, '--output', 'json'], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...settings(), ...by },
  })
  return { json: ran.status === 0 && ran.stdout ? JSON.parse(ran.stdout) : undefined, error: ran.stderr.trim() }
}

const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const allow = (Action: string | readonly string[], Resource = '*', more = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
})

function newUser(by: Who, name: string): Credentials {
  expect(aws(by, `iam create-user --user-name ${name}`).error).toBe('')
  const { AccessKey } = aws(by, `iam create-access-key --user-name ${name}`).json
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
}
const encrypt = (by: Who, key: string) => aws(by, `kms encrypt --key-id ${key} --plaintext aGk=`)
const putUserPolicy = (by: Who, name: string, document: string) =>
  expect(aws(by, `iam put-user-policy --user-name ${name} --policy-name p --policy-document`, document).error).toBe('')

describe.skipIf(!installed)(`with the AWS CLI ${installed ? '' : '(not installed: apt-get install awscli)'}`, () => {
  test('docs/access.md does what it says when followed to the letter', () => {
    const { script, prints } = guideIn(fileURLToPath(new URL('../../docs/access.md', import.meta.url)))
    const ran = spawnSync('bash', ['-e', '-o', 'pipefail'], {
      cwd: folder,
      input: script.replace('http://127.0.0.1:4599', server.url),
      encoding: 'utf8',
      env: settings(),
    })
    expect([ran.stderr, ran.status]).toEqual(['', 0])
    expect(ran.stdout.trimEnd().split('\n')).toEqual(prints.map((line) => expect.stringMatching(shown(line))))
  }, 240_000)

  test('a user whom a key policy names uses the key until an identity policy denies it', () => {
    const bob = newUser('default', 'bob')
    const root = { ...allow('kms:*'), Principal: { AWS: account } }
    const named = { ...allow('kms:Encrypt'), Principal: { AWS: `arn:aws:iam::${account}:user/bob` } }
    const { KeyMetadata } = aws('default', 'kms create-key --policy', policy(root, named)).json
    expect(encrypt(bob, KeyMetadata.Arn).json.KeyId).toBe(KeyMetadata.Arn)
    putUserPolicy('default', 'bob', policy({ ...allow('kms:Encrypt'), Effect: 'Deny' }))
    expect(encrypt(bob, KeyMetadata.Arn).error).toContain(
      'An error occurred (AccessDeniedException) when calling the Encrypt operation: ' +
        `User: arn:aws:iam::${account}:user/bob is not authorized to perform: kms:Encrypt on resource: ` +
        `${KeyMetadata.Arn} with an explicit deny in an identity-based policy`,
    )
  })

  test('a boundary limits what a policy allows', () => {
    const cy = newUser('default', 'cy')
    putUserPolicy('default', 'cy', policy(allow('kms:*')))
    const limit = policy(allow('kms:DescribeKey'))
    const { Policy } = aws('default', 'iam create-policy --policy-name limit --policy-document', limit).json
    expect(
      aws('default', `iam put-user-permissions-boundary --user-name cy --permissions-boundary ${Policy.Arn}`).error,
    ).toBe('')
    const { KeyMetadata } = aws('default', 'kms create-key').json
    expect(aws(cy, `kms describe-key --key-id ${KeyMetadata.KeyId}`).json.KeyMetadata.Arn).toBe(KeyMetadata.Arn)
    expect(encrypt(cy, KeyMetadata.KeyId).error).toContain(
      'because no permissions boundary allows the kms:Encrypt action',
    )
  })

  test('a user of another account needs both sides', () => {
    const li = newUser(other, 'li')
    const root = { ...allow('kms:*'), Principal: { AWS: account } }
    const there = { ...allow('kms:Encrypt'), Principal: { AWS: `arn:aws:iam::${other}:user/li` } }
    const { KeyMetadata } = aws('default', 'kms create-key --policy', policy(root, there)).json
    expect(encrypt(li, KeyMetadata.Arn).error).toContain(
      'because no identity-based policy allows the kms:Encrypt action',
    )
    putUserPolicy(other, 'li', policy(allow('kms:*')))
    expect(encrypt(li, KeyMetadata.Arn).json.KeyId).toBe(KeyMetadata.Arn)
    expect(aws(li, `kms disable-key --key-id ${KeyMetadata.Arn}`).error).toContain('AccessDeniedException')
    const { KeyMetadata: unshared } = aws('default', 'kms create-key').json
    expect(encrypt(li, unshared.Arn).error).toContain('the resource does not exist in this Region')
    expect(aws(li, 'iam list-users').error).toContain('AccessDenied')
  })

  test('a role is assumed from another account where both sides say so, and its sessions end with it', () => {
    const max = newUser(other, 'max')
    const trust = policy({
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${other}:user/max` },
      Action: 'sts:AssumeRole',
    })
    const { Role } = aws('default', 'iam create-role --role-name visitors --assume-role-policy-document', trust).json
    const mayEncrypt = policy(allow('kms:Encrypt'))
    const put = 'iam put-role-policy --role-name visitors --policy-name p --policy-document'
    expect(aws('default', put, mayEncrypt).error).toBe('')
    const { KeyMetadata } = aws('default', 'kms create-key').json
    const assume = () => aws(max, `sts assume-role --role-session-name visit --role-arn ${Role.Arn}`)
    expect(assume().error).toContain('is not authorized to perform: sts:AssumeRole')
    putUserPolicy(other, 'max', policy(allow('sts:AssumeRole', Role.Arn)))
    const { Credentials: given } = assume().json
    const session = {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      sessionToken: given.SessionToken,
    }
    expect(aws(session, 'sts get-caller-identity').json.Arn).toBe(`arn:aws:sts::${account}:assumed-role/visitors/visit`)
    expect(encrypt(session, KeyMetadata.Arn).json.KeyId).toBe(KeyMetadata.Arn)
    expect(encrypt(max, KeyMetadata.Arn).error).toContain('AccessDeniedException')
    aws('default', 'iam delete-role-policy --role-name visitors --policy-name p')
    expect(aws('default', 'iam delete-role --role-name visitors').error).toBe('')
    expect(encrypt(session, KeyMetadata.Arn).error).toContain('UnrecognizedClientException')
  })

  test('a grant lets a user in, until it is revoked', () => {
    const dan = newUser('default', 'dan')
    const { KeyMetadata } = aws('default', 'kms create-key').json
    const grantee = `arn:aws:iam::${account}:user/dan`
    expect(encrypt(dan, KeyMetadata.Arn).error).toContain('AccessDeniedException')
    const { GrantId } = aws(
      'default',
      `kms create-grant --key-id ${KeyMetadata.Arn} --grantee-principal ${grantee} --operations Encrypt`,
    ).json
    expect(encrypt(dan, KeyMetadata.Arn).json.KeyId).toBe(KeyMetadata.Arn)
    expect(aws('default', `kms revoke-grant --key-id ${KeyMetadata.Arn} --grant-id ${GrantId}`).error).toBe('')
    expect(encrypt(dan, KeyMetadata.Arn).error).toContain('AccessDeniedException')
  })
})

/** Every file below a folder, but those of these names. */
const filesBelow = (path: string, except: readonly string[]): readonly string[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => !except.includes(name))
    .map((name) => join(path, name))
    .filter((name) => statSync(name).isFile())

/** A text as it may be written: itself, in hex, and in base64 wherever it begins among other bytes. */
function formsOf(secret: string): readonly Buffer[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const encoded = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    // The characters at either end are made of other bytes, too.
    return text.slice(before === 0 ? 0 : 4, -4)
  })
  return [secret, hex, hex.toUpperCase(), ...encoded].map((text) => Buffer.from(text))
}

test('the secret of an access key that was made and used is nowhere: not in the store, the trail, the log or the environment', async () => {
  const own = await startServer('local', { env: { KEYSTEAD_LAST_USAGE_FLUSH_MS: '100' } })
  try {
    const { IAMClient, CreateUserCommand, CreateAccessKeyCommand, ListUsersCommand, PutUserPolicyCommand } =
      await import('@aws-sdk/client-iam')
    const clientOf = (credentials: Credentials) =>
      new IAMClient({ endpoint: own.url, region: 'us-east-1', credentials, maxAttempts: 1 })
    const root = clientOf(own.credentials)
    await root.send(new CreateUserCommand({ UserName: 'ana' }))
    const PolicyDocument = policy(allow('iam:ListUsers'))
    await root.send(new PutUserPolicyCommand({ UserName: 'ana', PolicyName: 'p', PolicyDocument }))
    const { AccessKey } = await root.send(new CreateAccessKeyCommand({ UserName: 'ana' }))
    const ana = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }
    expect(ana.secretAccessKey).toHaveLength(40)
    expect((await clientOf(ana).send(new ListUsersCommand({}))).Users).toHaveLength(1)
    const wrong = clientOf({ ...ana, secretAccessKey: 'x'.repeat(40) })
    await expect(wrong.send(new ListUsersCommand({}))).rejects.toThrow('signature')
    const environment = readFileSync(`/proc/${own.pid}/environ`)
    await own.stop()

    const written = filesBelow(own.home, ['credentials']).map((name) => readFileSync(name))
    const everywhere = Buffer.concat([...written, Buffer.from(own.output()), environment])
    // What is looked for is found this way where it is: the id of the same access key.
    expect(everywhere.includes(ana.accessKeyId)).toBe(true)
    for (const secret of [ana.secretAccessKey, own.credentials.secretAccessKey])
      expect(formsOf(secret).map((form) => everywhere.includes(form))).toEqual([
        false,
        false,
        false,
        false,
        false,
        false,
      ])
    writeFileSync(join(own.home, 'planted'), `x${ana.secretAccessKey}`.replace(/^/, 'y'))
    const planted = readFileSync(join(own.home, 'planted'))
    expect(formsOf(ana.secretAccessKey).some((form) => planted.includes(form))).toBe(true)
  } finally {
    await own.stop()
    removeHome(own.home)
  }
}, 60_000)

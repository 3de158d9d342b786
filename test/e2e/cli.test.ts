/** The AWS CLI, unmodified, and the README's walk-through exactly as it stands. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { cleanEnv } from '../harness/server.ts'

const versions = ['aws', '/usr/bin/aws'].map((path) => ({
  path,
  version: spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim(),
}))
const installed = versions.filter(
  ({ version }, index) => version && versions.findIndex((each) => each.version === version) === index,
)
const title =
  installed.length > 0
    ? installed.map(({ version }) => version?.split(' ')[0]).join(', ')
    : 'not installed: apt-get install awscli would run this'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keystead-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const env = () =>
  cleanEnv({
    AWS_SHARED_CREDENTIALS_FILE: inject('credentialsFile'),
    AWS_CONFIG_FILE: '/dev/null',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_REGION: 'us-east-1',
    AWS_PAGER: '',
    AWS_EC2_METADATA_DISABLED: 'true',
    KEYSTEAD_HOME: inject('home'),
    KEYSTEAD_URL: inject('url'),
  })

describe.skipIf(installed.length === 0)(`the AWS CLI (${title})`, () => {
  test.each(installed.map(({ path, version }) => [version?.split(' ')[0], path]))(
    '%s makes a key, encrypts, decrypts and reads errors',
    (_version, path) => {
      const call = (service: string, ...words: string[]) => {
        const ran = spawnSync(path ?? '', [service, '--endpoint-url', inject('url'), '--output', 'json', ...words], {
          encoding: 'utf8',
          env: env(),
          cwd: folder,
        })
        return {
          status: ran.status,
          json: ran.status === 0 && ran.stdout ? JSON.parse(ran.stdout) : undefined,
          stderr: ran.stderr,
        }
      }
      const aws = (...words: string[]) => call('kms', ...words)
      const { KeyMetadata } = aws('create-key', '--tags', 'TagKey=team,TagValue=red').json
      writeFileSync(join(folder, 'plain'), 'attack at dawn')
      const { CiphertextBlob } = aws('encrypt', '--key-id', KeyMetadata.KeyId, '--plaintext', 'fileb://plain').json
      writeFileSync(join(folder, 'sealed'), Buffer.from(CiphertextBlob, 'base64'))
      const opened = aws('decrypt', '--ciphertext-blob', 'fileb://sealed').json
      expect(Buffer.from(opened.Plaintext, 'base64').toString()).toBe('attack at dawn')
      const attribute = `AttributeKey=ResourceName,AttributeValue=${KeyMetadata.Arn}`
      const events = call('cloudtrail', 'lookup-events', '--lookup-attributes', attribute).json.Events
      expect(events.map(({ EventName }: { EventName: string }) => EventName)).toEqual([
        'Decrypt',
        'Encrypt',
        'CreateKey',
      ])
      expect(aws('list-keys').json.Keys.map((key: { KeyId: string }) => key.KeyId)).toContain(KeyMetadata.KeyId)
      expect(aws('disable-key', '--key-id', KeyMetadata.KeyId).status).toBe(0)
      const refused = aws('decrypt', '--ciphertext-blob', 'fileb://sealed')
      expect(refused.status).not.toBe(0)
      expect(refused.stderr).toContain(
        `An error occurred (DisabledException) when calling the Decrypt operation: ${KeyMetadata.Arn} is disabled.`,
      )
    },
  )

  test.each(installed.map(({ path, version }) => [version?.split(' ')[0], path]))(
    '%s asks STS who it is',
    (_version, path) => {
      const words = ['sts', 'get-caller-identity', '--endpoint-url', inject('url'), '--output', 'json']
      const ran = spawnSync(path ?? '', words, { encoding: 'utf8', env: env(), cwd: folder })
      expect([ran.status, ran.stderr]).toEqual([0, ''])
      expect(JSON.parse(ran.stdout)).toEqual({
        UserId: '000000000000',
        Account: '000000000000',
        Arn: 'arn:aws:iam::000000000000:root',
      })
    },
  )

  test.each(installed.map(({ path, version }) => [version?.split(' ')[0], path]))(
    '%s asks what a user may do before it is tried',
    (_version, path) => {
      const iam = (...words: string[]) => {
        const all = ['iam', '--endpoint-url', inject('url'), '--output', 'json', ...words]
        const ran = spawnSync(path ?? '', all, { encoding: 'utf8', env: env(), cwd: folder })
        expect([ran.status, ran.stderr]).toEqual([0, ''])
        return ran.stdout ? JSON.parse(ran.stdout) : undefined
      }
      const { Arn } = iam('create-user', '--user-name', `asked-${Date.now()}`).User
      const policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}]}'
      const asked = ['simulate-principal-policy', '--policy-source-arn', Arn, '--policy-input-list', policy]
      // In pages of one, which the CLI puts together.
      const actions = ['--action-names', 'kms:Sign', 'kms:Verify', '--page-size', '1']
      const { EvaluationResults } = iam(...asked, ...actions)
      expect(EvaluationResults).toEqual([
        {
          EvalActionName: 'kms:Sign',
          EvalResourceName: '*',
          EvalDecision: 'allowed',
          MatchedStatements: [
            {
              SourcePolicyId: 'PolicyInputList.1',
              SourcePolicyType: 'IAM Policy',
              StartPosition: { Line: 1, Column: 38 },
              EndPosition: { Line: 1, Column: policy.length - 1 },
            },
          ],
          MissingContextValues: [],
        },
        {
          EvalActionName: 'kms:Verify',
          EvalResourceName: '*',
          EvalDecision: 'implicitDeny',
          MatchedStatements: [],
          MissingContextValues: [],
        },
      ])
      const context = iam(
        'get-context-keys-for-custom-policy',
        '--policy-input-list',
        policy.replace('"*"', '"arn:aws:kms:::${aws:a}"'),
      )
      expect(context).toEqual({ ContextKeyNames: ['aws:a'] })
    },
  )

  test("the README's walk-through encrypts a file and gets it back", () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const script = /<!-- walk-through -->\n```sh\n([\s\S]*?)\n```/.exec(readme)?.[1] ?? ''
    expect(script).toContain('kms generate-data-key')
    const report = `Wages\n${'1234.56\n'.repeat(10_000)}`
    writeFileSync(join(folder, 'report.txt'), report)
    const before = `set -euo pipefail\nsha256sum report.txt > before\n`
    execFileSync('bash', ['-c', `${before}${script}\nsha256sum -c --quiet before`], {
      cwd: folder,
      env: env(),
      stdio: 'pipe',
    })
    expect(readFileSync(join(folder, 'report.txt'), 'utf8')).toBe(report)
    expect(readFileSync(join(folder, 'report.enc')).includes('Wages')).toBe(false)
    expect(existsSync(join(folder, 'clear.key'))).toBe(false)
  })
})

describe.skipIf(spawnSync('curl', ['--version']).status !== 0)(
  'curl (apt-get install curl would run this where it is missing)',
  () => {
    test('signs a RESTful request with --aws-sigv4', () => {
      const credentials = readFileSync(inject('credentialsFile'), 'utf8')
      const value = (name: string) => new RegExp(`${name} = (\\S+)`).exec(credentials)?.[1] ?? ''
      writeFileSync(
        join(folder, 'curlrc'),
        `user = "${value('aws_access_key_id')}:${value('aws_secret_access_key')}"\n`,
        { mode: 0o600 },
      )
      const words = [
        '-sS',
        '-K',
        'curlrc',
        '--aws-sigv4',
        'aws:amz:us-east-1:kms',
        '-H',
        'Content-Type: application/json',
      ]
      const made = JSON.parse(
        execFileSync('curl', [...words, '-d', '{"Description":"by REST"}', `${inject('url')}/keys`], {
          encoding: 'utf8',
          cwd: folder,
        }),
      )
      expect(made.KeyMetadata.Description).toBe('by REST')
    })
  },
)

/** Every action by its RESTful route, signed by AWS's own signer over the real path and query. */
import { readFileSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import { credentialsIn } from '../harness/server.ts'
import { signedHeaders } from '../harness/sign.ts'

const url = new URL(inject('url'))
const credentials = credentialsIn(inject('credentialsFile'))
const base64 = (text: string) => Buffer.from(text).toString('base64')

async function call(method: string, target: string, input?: object) {
  const body = input === undefined ? '' : JSON.stringify(input)
  const headers = await signedHeaders(
    { method, target, headers: { host: url.host, 'content-type': 'application/json' }, body },
    credentials,
  )
  const response = await fetch(new URL(target, url), { method, headers, ...(body !== '' && { body }) })
  return {
    status: response.status,
    type: response.headers.get('content-type')?.split(';')[0],
    id: response.headers.get('x-amzn-requestid'),
    // biome-ignore lint/suspicious/noExplicitAny: answers are read member by member
    json: (await response.json()) as any,
  }
}

test('the whole life of a key, by its routes', async () => {
  const made = await call('POST', '/keys', { Description: 'by REST', Tags: [{ TagKey: 'a', TagValue: '1' }] })
  expect([made.status, made.type]).toEqual([200, 'application/json'])
  expect(made.id).toMatch(/^[0-9a-f-]{36}$/)
  const { KeyId, Arn } = made.json.KeyMetadata
  const ok = async (method: string, target: string, input?: object) => {
    const { status, json } = await call(method, target, input)
    expect([method, target, status, json.__type, json.message]).toEqual([method, target, 200, undefined, undefined])
    return json
  }
  expect((await ok('GET', `/keys/${KeyId}`)).KeyMetadata.Arn).toBe(Arn)
  expect((await ok('GET', `/keys/${encodeURIComponent(Arn)}`)).KeyMetadata.KeyId).toBe(KeyId)
  const listed = await ok('GET', '/keys?Limit=1')
  expect(listed.Keys).toHaveLength(1)

  const alias = `alias/rest/${KeyId}`
  await ok('POST', '/aliases', { AliasName: alias, TargetKeyId: KeyId })
  expect(
    (await ok('GET', `/aliases?KeyId=${KeyId}`)).Aliases.map((each: { AliasName: string }) => each.AliasName),
  ).toEqual([alias])
  await ok('PUT', `/aliases/${encodeURIComponent(alias)}`, { TargetKeyId: KeyId })

  const EncryptionContext = { a: '1' }
  const sealed = await ok('POST', `/keys/${encodeURIComponent(alias)}/encrypt`, {
    Plaintext: base64('hello'),
    EncryptionContext,
  })
  expect((await ok('POST', '/decrypt', { CiphertextBlob: sealed.CiphertextBlob, EncryptionContext })).Plaintext).toBe(
    base64('hello'),
  )
  const moved = await ok('POST', '/re-encrypt', {
    CiphertextBlob: sealed.CiphertextBlob,
    SourceEncryptionContext: EncryptionContext,
    DestinationKeyId: KeyId,
  })
  expect((await ok('POST', '/decrypt', { CiphertextBlob: moved.CiphertextBlob })).Plaintext).toBe(base64('hello'))
  expect((await ok('POST', `/keys/${KeyId}/data-keys`, { KeySpec: 'AES_256' })).KeyId).toBe(Arn)
  expect(await ok('POST', `/keys/${KeyId}/data-keys-without-plaintext`, { NumberOfBytes: 24 })).not.toHaveProperty(
    'Plaintext',
  )
  expect(Buffer.from((await ok('POST', '/random', { NumberOfBytes: 24 })).Plaintext, 'base64')).toHaveLength(24)

  await ok('POST', `/keys/${KeyId}/tags`, { Tags: [{ TagKey: 'b', TagValue: '2' }] })
  await ok('DELETE', `/keys/${KeyId}/tags?TagKeys=a&TagKeys=c`)
  expect((await ok('GET', `/keys/${KeyId}/tags`)).Tags).toEqual([{ TagKey: 'b', TagValue: '2' }])
  const { Policy } = await ok('GET', `/keys/${KeyId}/policy`)
  await ok('PUT', `/keys/${KeyId}/policy`, { Policy })
  expect((await ok('GET', `/keys/${KeyId}/policies`)).PolicyNames).toEqual(['default'])
  await ok('PUT', `/keys/${KeyId}/description`, { Description: 'again' })
  await ok('POST', `/keys/${KeyId}/disable`)
  await ok('POST', `/keys/${KeyId}/enable`)
  await ok('DELETE', `/aliases/${encodeURIComponent(alias)}`)
  expect((await ok('DELETE', `/keys/${KeyId}?PendingWindowInDays=7`)).KeyState).toBe('PendingDeletion')
  await ok('POST', `/keys/${KeyId}/cancel-deletion`)
})

test('errors are those of the action, with their status', async () => {
  const none = await call('GET', '/keys/00000000-0000-4000-8000-000000000000')
  expect([none.status, none.json.__type]).toEqual([400, 'NotFoundException'])
  const text = await call('GET', '/keys?Limit=many')
  expect([text.status, text.json]).toEqual([
    400,
    { __type: 'SerializationException', message: 'STRING_VALUE can not be converted to Integer' },
  ])
  const range = await call('GET', '/keys?Limit=1001')
  expect([range.status, range.json.__type]).toEqual([400, 'ValidationException'])
})

test('a request whose path or query was changed after signing is refused', async () => {
  const headers = await signedHeaders(
    { method: 'GET', target: '/keys?Limit=1', headers: { host: url.host }, body: '' },
    credentials,
  )
  for (const target of ['/keys?Limit=2', '/keys', '/aliases?Limit=1']) {
    const response = await fetch(new URL(target, url), { headers })
    expect([target, response.status, ((await response.json()) as { __type: string }).__type]).toEqual([
      target,
      400,
      'InvalidSignatureException',
    ])
  }
})

test('every route of the API description answers, and asks for a signature first', async () => {
  const { paths } = JSON.parse(readFileSync(new URL('../../infra/derived/openapi.json', import.meta.url), 'utf8'))
  for (const [path, methods] of Object.entries<object>(paths)) {
    for (const method of Object.keys(methods)) {
      const target = path.replaceAll(/\{\w+\}/g, 'x')
      const response = await fetch(new URL(target, url), { method: method.toUpperCase() })
      const json = (await response.json()) as { __type: string }
      expect([method, path, response.status, json.__type]).toEqual([
        method,
        path,
        400,
        'MissingAuthenticationTokenException',
      ])
    }
  }
})

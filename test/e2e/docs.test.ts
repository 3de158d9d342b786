/** The API's description and the page that shows it, as anybody gets them. */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, inject, test } from 'vitest'

const url = inject('url')

/** As it is sent: fetch would tidy the path up. */
const statusOf = (path: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    request({ hostname, port, path }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })

test('the description is valid OpenAPI 3.1, the one that is derived, and needs no signature', async () => {
  const response = await fetch(`${url}/openapi.json`)
  expect([response.status, response.headers.get('content-type')?.split(';')[0]]).toEqual([200, 'application/json'])
  const api = (await response.json()) as Record<string, unknown>
  expect(api).toEqual(JSON.parse(readFileSync(new URL('../../infra/derived/openapi.json', import.meta.url), 'utf8')))
  expect(await new Validator().validate(api)).toEqual({ valid: true })
})

test('the page is made of files of the server, and runs nothing else', async () => {
  const response = await fetch(`${url}/docs`)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const policy = response.headers.get('content-security-policy')
  expect(policy).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  )
  expect(policy).not.toContain('unsafe')
  const html = await response.text()
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=/)
  const named = Array.from(html.matchAll(/\s(?:src|href)="([^"]+)"/g), ([, name = '']) => name)
  expect(named).toEqual([
    'data:,',
    'docs/swagger-ui.css',
    'docs/show.css',
    'openapi.json',
    'docs/swagger-ui-bundle.js',
    'docs/show.js',
  ])
  for (const name of named.filter((each) => !each.startsWith('data:'))) {
    const part = await fetch(new URL(name, `${url}/docs`))
    expect([name, part.status, part.headers.get('x-content-type-options')]).toEqual([name, 200, 'nosniff'])
    const type = { js: 'text/javascript', css: 'text/css', json: 'application/json' }[name.split('.').at(-1) ?? '']
    expect([name, part.headers.get('content-type')?.split(';')[0]]).toEqual([name, type])
    expect((await part.text()).length).toBeGreaterThan(100)
  }
})

test('no page or file of it may be shown in a frame, taken by another origin, guessed at, or use the device', async () => {
  const wanted = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'permissions-policy':
      'camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), payment=(), serial=(), usb=()',
    'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    'cache-control': 'no-cache',
  }
  for (const path of ['/docs', '/docs/show.js', '/docs/swagger-ui.css', '/openapi.json', '/docs/none.js']) {
    const { headers } = await fetch(`${url}${path}`, { headers: { 'x-forwarded-proto': 'http' } })
    expect([path, Object.fromEntries(headers)]).toEqual([path, expect.objectContaining(wanted)])
    // Over plain HTTP it would mean nothing; where TLS ends, docs/portable.md says who adds it.
    expect(headers.get('strict-transport-security')).toBeNull()
  }
})

test('the page is found with a slash at its end too', async () => {
  const response = await fetch(`${url}/docs/`)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  await response.text()
})

test('every answer of the API is for who asked alone, and nothing in it runs', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const asked = [
    fetch(`${url}/health`),
    fetch(`${url}/health?deep`),
    fetch(url),
    fetch(url, { method: 'POST', headers: { 'x-amz-target': 'TrentService.ListKeys' }, body: '{}' }),
    fetch(url, { method: 'POST', headers: form, body: 'Action=ListUsers&Version=2010-05-08' }),
    fetch(`${url}/keys`),
    fetch(`${url}/peers`, { method: 'POST', body: '{}' }),
  ]
  for (const { url, status, headers } of await Promise.all(asked)) {
    expect([url, status, Object.fromEntries(headers)]).toEqual([
      url,
      expect.any(Number),
      expect.objectContaining({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
      }),
    ])
    expect(headers.get('strict-transport-security')).toBeNull()
  }
})

test('a file that a browser has already is not sent again', async () => {
  const first = await fetch(`${url}/docs/swagger-ui.css`)
  await first.text()
  const etag = first.headers.get('etag') ?? ''
  const again = await fetch(`${url}/docs/swagger-ui.css`, { headers: { 'if-none-match': `"other", W/${etag}` } })
  expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag])
  const other = await fetch(`${url}/docs/swagger-ui.css`, { headers: { 'if-none-match': '"other"' } })
  expect([other.status, (await other.text()).length > 100]).toEqual([200, true])
})

test('no other file is served', async () => {
  for (const path of [
    '/docs/package.json',
    '/docs/..%2fpackage.json',
    '/docs/%2e%2e%2fopenapi.json',
    '/docs/toString',
  ]) {
    expect([path, await statusOf(path)]).toEqual([path, 404])
  }
})

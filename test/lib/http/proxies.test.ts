import { describe, expect, test } from 'vitest'
import { readConfig } from '../../../lib/config.ts'
import { originOf } from '../../../lib/http/proxies.ts'

const proxies = (text?: string) =>
  readConfig(text === undefined ? {} : { KEYSTEAD_TRUSTED_PROXIES: text }).KEYSTEAD_TRUSTED_PROXIES
const told = (peer: string, forwardedFor?: string, proto = 'https', believed = '127.0.0.1,10.0.0.0/8,fd00::/8') =>
  originOf(
    peer,
    { 'x-forwarded-proto': proto, ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }) },
    proxies(believed),
  )

describe('who asked', () => {
  test('is who connected, whatever he says, unless he is a proxy that is believed', () => {
    expect(told('192.0.2.1', '198.51.100.7')).toEqual({ sourceIp: '192.0.2.1', overTls: false })
    expect(told('2001:db8::1', '198.51.100.7')).toEqual({ sourceIp: '2001:db8::1', overTls: false })
    expect(
      originOf('127.0.0.1', { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https' }, proxies()),
    ).toEqual({
      sourceIp: '127.0.0.1',
      overTls: false,
    })
    expect(told('', '198.51.100.7')).toEqual({ sourceIp: '', overTls: false })
  })

  test.each([
    ['127.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['::ffff:127.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['fd00::1', '2001:db8::7', '2001:db8::7'],
    // Proxies behind proxies.
    ['127.0.0.1', '198.51.100.7, 10.1.2.3', '198.51.100.7'],
    ['127.0.0.1', '10.9.9.9,10.1.2.3', '10.9.9.9'],
    // What the caller wrote himself stands first.
    ['127.0.0.1', '203.0.113.9, 198.51.100.7', '198.51.100.7'],
    ['127.0.0.1', '203.0.113.9, 198.51.100.7, 10.1.2.3', '198.51.100.7'],
    ['127.0.0.1', 'nonsense, 10.1.2.3', '10.1.2.3'],
    ['127.0.0.1', '198.51.100.7, ', '127.0.0.1'],
    ['127.0.0.1', undefined, '127.0.0.1'],
  ])('%s, which says %s, speaks for %s', (peer, forwardedFor, sourceIp) => {
    expect(told(peer, forwardedFor)).toEqual({ sourceIp, overTls: true })
  })

  test.each(['http', 'HTTPS', 'https,https', 'https, http', ''])(
    'came not over TLS where a proxy says “%s”',
    (proto) => {
      expect(told('127.0.0.1', '198.51.100.7', proto).overTls).toBe(false)
    },
  )
})

test.each([
  'localhost',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0.0.0/-1',
  'fd00::/129',
  '10.0.0.1,',
  '',
  '::1%lo',
])('proxies are not “%s”', (text) => {
  expect(() => proxies(text)).toThrow('KEYSTEAD_TRUSTED_PROXIES must be addresses or networks with commas between')
})

import { expect, test } from 'vitest'
import { readConfig } from '../../../lib/config.ts'

const token = { tokenLabel: 'second', pinFile: '/run/pin' }
const keyStores = (value: unknown) => readConfig({ KEYSTEAD_KEY_STORES: JSON.stringify(value) }).KEYSTEAD_KEY_STORES

test('tokens for custom key stores are known by their cluster ids; without the setting there are none', () => {
  expect(keyStores({ 'cluster-2a23b4cdefg': token })).toEqual({ 'cluster-2a23b4cdefg': token })
  expect(readConfig({}).KEYSTEAD_KEY_STORES).toEqual({})
})

test.each<[string, unknown]>([
  ['a list', []],
  ['null', null],
  ['what is no cluster id', { second: token }],
  ['a token without a label', { 'cluster-2a23b4cdefg': { pinFile: '/run/pin' } }],
  ['a token that is null', { 'cluster-2a23b4cdefg': null }],
  ['a token with a PIN in clear', { 'cluster-2a23b4cdefg': { ...token, pin: '1234' } }],
])('%s is refused, and not repeated', (_, value) => {
  const text = 'KEYSTEAD_KEY_STORES must be JSON: an object of {"tokenLabel", "pinFile"} by cluster id'
  expect(() => keyStores(value)).toThrow(text)
})

test('what is no JSON is refused', () => {
  expect(() => readConfig({ KEYSTEAD_KEY_STORES: 'cluster-2a23b4cdefg' })).toThrow('KEYSTEAD_KEY_STORES must be JSON')
})

test('a proxy has 250 milliseconds, and more only when told', () => {
  expect(readConfig({}).KEYSTEAD_XKS_TIMEOUT_MS).toBe(250)
  expect(() => readConfig({ KEYSTEAD_XKS_TIMEOUT_MS: '0' })).toThrow('a whole number from 50 to 10000')
})

import { expect, test } from 'vitest'
import { readConfig } from '../../../lib/config.ts'

const token = { tokenLabel: 'second', pinFile: '/run/pin' }
const keyStores = (value: unknown) => readConfig({ KEYSTEAD_KEY_STORES: JSON.stringify(value) }).KEYSTEAD_KEY_STORES

test('tokens for custom key stores are known by their cluster ids; without the setting there are none', () => {
  expect(keyStores({ 'cluster-2a23b4cdefg': token })).toEqual({ 'cluster-2a23b4cdefg': token })
  expect(readConfig({}).KEYSTEAD_KEY_STORES).toEqual({})
  const whole = { ...token, tokenDirectory: 'second/tokens', module: '/usr/lib/hsm.so', profile: 'cloudhsm' }
  expect(keyStores({ 'cluster-2a23b4cdefg': whole })).toEqual({ 'cluster-2a23b4cdefg': whole })
})

test.each<[string, Readonly<Record<string, string>>]>([
  ['the service’s own token', { KEYSTEAD_HSM_TOKEN_LABEL: 'second' }],
  [
    'one token twice',
    {
      KEYSTEAD_KEY_STORES: JSON.stringify({
        [`cluster-${'a'.repeat(11)}`]: token,
        [`cluster-${'b'.repeat(11)}`]: token,
      }),
    },
  ],
])('%s is no place for a custom key store', (_, env) => {
  const all = { KEYSTEAD_KEY_STORES: JSON.stringify({ 'cluster-2a23b4cdefg': token }), ...env }
  expect(() => readConfig(all)).toThrow('KEYSTEAD_KEY_STORES must name tokens by labels of their own')
})

test.each<[string, unknown]>([
  ['a list', []],
  ['null', null],
  ['what is no cluster id', { second: token }],
  ['a token without a label', { 'cluster-2a23b4cdefg': { pinFile: '/run/pin' } }],
  ['a token that is null', { 'cluster-2a23b4cdefg': null }],
  ['a token with a label that is too long', { 'cluster-2a23b4cdefg': { ...token, tokenLabel: 'é'.repeat(17) } }],
  ['a token of an unknown profile', { 'cluster-2a23b4cdefg': { ...token, profile: 'luna' } }],
  ['a token whose directory is a number', { 'cluster-2a23b4cdefg': { ...token, tokenDirectory: 1 } }],
  ['a token with an inherited member', { 'cluster-2a23b4cdefg': { ...token, constructor: 'x' } }],
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

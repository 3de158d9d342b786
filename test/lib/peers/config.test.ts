import { expect, test } from 'vitest'
import { readConfig } from '../../../lib/config.ts'

const peers = (KEYSTEAD_PEERS: string) => readConfig({ KEYSTEAD_PEERS, KEYSTEAD_REGION: 'us-east-1' }).KEYSTEAD_PEERS
const what = 'KEYSTEAD_PEERS must be JSON: an object of "https://host" (or "http://127.0.0.1:port") by Region'

test('peers are named by Region, over TLS or on this machine', () => {
  expect(readConfig({}).KEYSTEAD_PEERS).toEqual({})
  const some = { 'eu-west-1': 'https://kms.example.org', 'us-west-2': 'http://127.0.0.1:4600' }
  expect(peers(JSON.stringify(some))).toEqual(some)
  expect(peers('{"eu-west-1": "http://localhost:1"}')).toEqual({ 'eu-west-1': 'http://localhost:1' })
})

test.each([
  ['no JSON', '{'],
  ['no object', '["eu-west-1"]'],
  ['no Region', '{"Europe": "https://kms.example.org"}'],
  ['no text', '{"eu-west-1": 1}'],
  ['no TLS', '{"eu-west-1": "http://kms.example.org"}'],
  ['no TLS, and a name that only begins like this machine', '{"eu-west-1": "http://localhost.example.org"}'],
  ['no TLS, and this machine as a user name', '{"eu-west-1": "http://localhost:1@kms.example.org"}'],
  ['a path', '{"eu-west-1": "https://kms.example.org/stage"}'],
  ['no URL', '{"eu-west-1": "https://"}'],
])('%s is refused', (_, text) => {
  expect(() => peers(text)).toThrow(what)
})

test('a Region is not its own peer', () => {
  expect(() => peers('{"us-east-1": "https://kms.example.org"}')).toThrow(
    'KEYSTEAD_PEERS must not name the Region that is served here',
  )
})

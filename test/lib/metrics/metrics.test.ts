import { expect, test } from 'vitest'
import { embedded, embeddedNumbers, Metrics } from '../../../lib/metrics/metrics.ts'

test('requests are counted by action and error, and their latencies by action', () => {
  const metrics = new Metrics()
  metrics.answered({ action: 'Encrypt', requestId: 'r', ms: 0.4 })
  metrics.answered({ action: 'Encrypt', requestId: 'r', ms: 3 })
  metrics.answered({ action: 'Encrypt', requestId: 'r', error: 'DisabledException', ms: 9000 })
  metrics.answered({ action: 'ListKeys', requestId: 'r', ms: 1 })
  const text = metrics.text()
  expect(text).toContain('keystead_requests_total{action="Encrypt",error=""} 2\n')
  expect(text).toContain('keystead_requests_total{action="Encrypt",error="DisabledException"} 1\n')
  expect(text).toContain('keystead_request_duration_seconds_bucket{action="Encrypt",le="0.001"} 1\n')
  expect(text).toContain('keystead_request_duration_seconds_bucket{action="Encrypt",le="0.005"} 2\n')
  expect(text).toContain('keystead_request_duration_seconds_bucket{action="Encrypt",le="5"} 2\n')
  expect(text).toContain('keystead_request_duration_seconds_bucket{action="Encrypt",le="+Inf"} 3\n')
  expect(text).toContain('keystead_request_duration_seconds_sum{action="Encrypt"} 9.0034\n')
  expect(text).toContain('keystead_request_duration_seconds_count{action="ListKeys"} 1\n')
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? [\d.]+)$/)
  }
})

test('readings are taken when they are asked for, each name headed once', () => {
  const metrics = new Metrics()
  let value = 1
  metrics.read(() => [
    { name: 'keystead_due', help: 'Due.', type: 'gauge', labels: { kind: 'a"\n\\' }, value },
    { name: 'keystead_due', help: 'Due.', type: 'gauge', labels: { kind: 'b' }, value: 2 },
  ])
  value = 7
  expect(metrics.text()).toContain(
    '# HELP keystead_due Due.\n# TYPE keystead_due gauge\nkeystead_due{kind="a\\"\\n\\\\"} 7\nkeystead_due{kind="b"} 2\n',
  )
})

test('a request is a line of the embedded metric format, whose metrics and dimensions are its own members', () => {
  for (const line of [
    embedded({ action: 'Encrypt', requestId: 'r', ms: 1.23456 }, 5, 'Keystead/prod'),
    embedded({ action: 'Encrypt', requestId: 'r', error: 'DisabledException', ms: 1 }, 5, 'Keystead/prod'),
    embeddedNumbers({ Task: 'RotateKey' }, { Done: 1, Failed: 0 }, 5, 'Keystead/prod'),
  ]) {
    const [directive] = line._aws.CloudWatchMetrics
    for (const name of directive?.Dimensions.flat() ?? []) expect(typeof Reflect.get(line, name)).toBe('string')
    for (const { Name } of directive?.Metrics ?? []) expect(typeof Reflect.get(line, Name)).toBe('number')
    expect([line._aws.Timestamp, directive?.Namespace]).toEqual([5, 'Keystead/prod'])
  }
  expect(
    embedded({ action: 'Encrypt', requestId: 'r', error: 'DisabledException', ms: 1.23456 }, 5, 'Keystead/prod'),
  ).toMatchObject({
    Action: 'Encrypt',
    RequestId: 'r',
    Error: 'DisabledException',
    Requests: 1,
    Errors: 1,
    Latency: 1.235,
  })
})

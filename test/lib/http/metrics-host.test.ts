import { expect, test } from 'vitest'
import { startMetricsHost } from '../../../lib/http/metrics-host.ts'

test('metrics are text at one path of a loopback port, and nothing else is there', async () => {
  const host = await startMetricsHost(0, () => 'keystead_requests_total 1\n')
  try {
    expect(host.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    const answer = await fetch(host.url)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await answer.text()).toBe('keystead_requests_total 1\n')
    for (const url of [`${host.url}/x`, host.url.replace('/metrics', '/')]) expect((await fetch(url)).status).toBe(404)
    expect((await fetch(host.url, { method: 'POST' })).status).toBe(404)
  } finally {
    await host.close()
  }
  await expect(fetch(host.url)).rejects.toThrow()
})

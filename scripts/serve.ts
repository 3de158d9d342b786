/** `npm start`: the whole service on this machine. */
import { readFileSync } from 'node:fs'
import { handler as frontDoor } from '../functions/front-door.ts'
import { type Config, readConfig } from '../lib/config.ts'
import { documentRoutes, slashedDocumentRoute } from '../lib/http/documents.ts'
import { type Host, type HostOptions, type Route, startHost } from '../lib/http/host.ts'
import { startMetricsHost } from '../lib/http/metrics-host.ts'
import { peerPath } from '../lib/identity/peer-signature.ts'
import { openWorld } from '../lib/runtime.ts'
import { ConfigurationError } from '../lib/setting-kinds.ts'
import { PreparationError, prepareLocal } from './local.ts'
import { startTicker } from './ticker.ts'

interface DerivedRoute {
  readonly route: string
  readonly file: string
}

const fail = (message: string): never => {
  process.stderr.write(`keystead: ${message}\n`)
  process.exit(1)
}

/** Handlers are loaded with their first request: most processes serve a few operations. */
function routes(): readonly Route[] {
  const derived = JSON.parse(
    readFileSync(new URL('../infra/derived/routes.json', import.meta.url), 'utf8'),
  ) as DerivedRoute[]
  const documents = [...documentRoutes, slashedDocumentRoute].map((route) => ({
    route,
    file: 'functions/documents.ts',
  }))
  const peers = { route: `POST ${peerPath}`, file: 'functions/peers.ts' }
  return [...derived, ...documents, peers].map(({ route, file }) => ({
    route,
    handler: async () => (await import(new URL(`../${file}`, import.meta.url).href)).handler,
  }))
}

async function listen(config: Config, options: HostOptions): Promise<Host> {
  try {
    return await startHost(options)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') {
      return fail(
        `port ${config.KEYSTEAD_PORT} is taken. Choose another: KEYSTEAD_PORT=${config.KEYSTEAD_PORT + 1} npm start`,
      )
    }
    return fail(
      `cannot listen on ${config.KEYSTEAD_HOST}:${config.KEYSTEAD_PORT} (${code}). Choose another: KEYSTEAD_HOST=127.0.0.1 npm start`,
    )
  }
}

const warn = (message: string): void => void process.stderr.write(`keystead: ${message}\n`)

/** What an operator is told of, and nothing keeps him from. */
function warnOf({ KEYSTEAD_HOST: host }: Config): void {
  if (!/^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host)) {
    warn(`it listens on ${host}, without TLS: nothing but a proxy that ends TLS should reach it (docs/portable.md)`)
  }
  if (dumpsCore())
    warn('a crash would leave a core dump, with keys in it. Start it with npm start, or under: ulimit -c 0')
}

/** Where the system says so. */
function dumpsCore(): boolean {
  try {
    return !/^Max core file size\s+0\s/m.test(readFileSync('/proc/self/limits', 'utf8'))
  } catch {
    return false
  }
}

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const credentials = await prepareLocal(config)
  const world = await openWorld()
  const host = await listen(config, {
    host: config.KEYSTEAD_HOST,
    port: config.KEYSTEAD_PORT,
    frontDoor,
    routes: routes(),
    log: world.log,
    proxies: config.KEYSTEAD_TRUSTED_PROXIES,
  })
  warnOf(config)

  const ticker = startTicker(world)
  const metricsPort = config.KEYSTEAD_METRICS_PORT
  const metrics = metricsPort === 0 ? undefined : await startMetricsHost(metricsPort, () => world.metrics.text())

  let closing = false
  const stop = async (): Promise<void> => {
    if (closing) return
    closing = true
    await host.close(5000)
    await ticker.stop()
    await metrics?.close()
    await world.close()
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)

  const settings = [
    credentials && `AWS_SHARED_CREDENTIALS_FILE='${credentials}'`,
    `AWS_REGION=${config.KEYSTEAD_REGION}`,
  ].filter(Boolean)
  process.stdout.write(
    `Keystead is at ${host.url}\n` +
      (credentials ? `The root user's access key is in ${credentials}\n` : '') +
      (metrics ? `Metrics are at ${metrics.url}\n` : '') +
      `\n    ${settings.join(' ')} aws kms create-key --endpoint-url ${host.url}\n\n`,
  )
}

main().catch((error: unknown) => {
  if (error instanceof ConfigurationError) return fail(`${error.message}. The README lists every setting.`)
  if (error instanceof PreparationError) return fail(error.message)
  return fail(`could not start: ${error instanceof Error ? error.stack : String(error)}`)
})

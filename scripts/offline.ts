/** `npm run offline`: the same Lambdas under serverless-offline, as a second opinion on the local host. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleSplit } from '../infra/bundle.ts'
import { root } from '../infra/catalog.ts'
import { type Config, readConfig } from '../lib/config.ts'
import { openWorld } from '../lib/runtime.ts'
import { ConfigurationError } from '../lib/setting-kinds.ts'
import { PreparationError, prepareLocal } from './local.ts'

/** The framework gets these as the local host would read them, wherever it runs. */
const environmentOf = (config: Config) => ({
  KEYSTEAD_HOME: config.KEYSTEAD_HOME,
  KEYSTEAD_STORE: config.KEYSTEAD_STORE,
  KEYSTEAD_AUDIT_SINK: config.KEYSTEAD_AUDIT_SINK,
  SLS_NOTIFICATIONS_MODE: 'off',
  SLS_TELEMETRY_DISABLED: '1',
})

function argumentsOf(config: Config, socket: string): readonly string[] {
  return [
    join(root, 'node_modules/serverless/bin/serverless.js'),
    'offline',
    '--stage',
    'offline',
    '--region',
    config.KEYSTEAD_REGION,
    '--useInProcess',
    '--noSponsor',
    '--host',
    '127.0.0.1',
    '--httpPort',
    String(config.KEYSTEAD_PORT),
    // Its other server lets anybody invoke any Lambda, unsigned. It cannot be turned off, only be put out of reach.
    '--lambdaPort',
    socket,
  ]
}

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const credentials = await prepareLocal(config)
  // One process at a time has the store open: from here on, that of the framework.
  await (await openWorld()).close()
  await bundleSplit()
  if (credentials !== undefined) process.stdout.write(`The root user's access key is in ${credentials}\n`)

  const directory = mkdtempSync(join(tmpdir(), 'keystead-'))
  const framework = spawn(process.execPath, argumentsOf(config, join(directory, 'lambda.sock')), {
    cwd: root,
    env: { ...process.env, ...environmentOf(config) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  let ended = false
  framework.once('exit', () => {
    ended = true
  })
  void answering(`http://127.0.0.1:${config.KEYSTEAD_PORT}`, () => ended)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => framework.kill(signal))
  framework.on('close', (code, signal) => {
    rmSync(directory, { recursive: true, force: true })
    process.exit(code ?? (signal === null ? 1 : 0))
  })
}

/** Says where the service is, once it answers: the framework itself only says where it listens. */
async function answering(url: string, ended: () => boolean): Promise<void> {
  while (!ended()) {
    const ok = await fetch(`${url}/health?deep`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ok) {
      process.stdout.write(`Keystead is at ${url}\n`)
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

main().catch((error: unknown) => {
  const known = error instanceof ConfigurationError || error instanceof PreparationError
  const text = known ? error.message : `could not start: ${error instanceof Error ? error.stack : String(error)}`
  process.stderr.write(`keystead: ${text}\n`)
  process.exit(1)
})

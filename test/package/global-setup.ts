import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cleanEnv } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Packages once for all files, as a deployment does: without credentials, which shows that none are needed. */
export const setup = (): void => {
  const program = 'node_modules/serverless/bin/serverless.js'
  const env = cleanEnv({ AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' })
  execFileSync(process.execPath, [program, 'package', '--stage', 'prod'], { cwd: root, env, stdio: 'pipe' })
}

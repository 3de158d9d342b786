import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { variantFolder } from '../harness/package.ts'
import { cleanEnv } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

function packaged(...args: readonly string[]): void {
  const program = 'node_modules/serverless/bin/serverless.js'
  const env = cleanEnv({ AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' })
  execFileSync(process.execPath, [program, 'package', '--stage', 'prod', ...args], { cwd: root, env, stdio: 'pipe' })
}

/** Everything that `--param` chooses, chosen otherwise than by default. */
const variant = {
  auth: 'aws-iam',
  network: 'existing',
  subnetIds: 'subnet-0a1b2c3d4e5f60718,subnet-1a1b2c3d4e5f60718',
  securityGroupIds: 'sg-0a1b2c3d4e5f60718',
  encryption: 'own',
  tableKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
} as const

/** Packages once for all files, as a deployment does: without credentials, which shows that none are needed. */
export const setup = (): void => {
  const chosen = Object.entries(variant).map(([name, value]) => `--param=${name}=${value}`)
  // First: the framework makes every package in the place of the ordinary one, and moves it.
  packaged('--package', variantFolder, ...chosen)
  packaged()
}

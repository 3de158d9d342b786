import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a process with this id runs, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Removes what processes now dead left behind in a directory of `<pid>-…` entries. */
function sweep(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = Number(/^(\d+)-/.exec(name)?.[1])
    // Our own id on a directory that is not yet made is that of a predecessor: in a container every start has the same.
    if (!Number.isInteger(pid) || (pid !== process.pid && isAlive(pid))) continue
    try {
      rmSync(join(directory, name), { recursive: true, force: true })
    } catch {
      // Another process starting now removes it too; what is left is swept at the next start.
    }
  }
}

/** SoftHSM's configuration for the tokens in a directory. */
export const softHsmConfiguration = (tokenDirectory: string): string =>
  `directories.tokendir = ${tokenDirectory}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`

/**
 * Copies SoftHSM's token directories into one for this process alone, and returns the path of a configuration that
 * names it. SoftHSM rewrites the token's file in place on every login: a process killed in that moment, or two starting
 * together, would leave a shared token empty, and with it every key (hsm.md §1).
 *
 * `runDirectory` must not be shared by machines or containers that do not see each other's process ids.
 *
 * @throws Error when two directories hold the same token
 */
export function copyTokens(tokenDirectories: readonly string[], runDirectory: string): string {
  mkdirSync(runDirectory, { recursive: true, mode: 0o700 })
  sweep(runDirectory)
  const copy = join(runDirectory, `${process.pid}-${randomBytes(6).toString('hex')}`)
  mkdirSync(copy, { mode: 0o700 })
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
  mkdirSync(join(copy, 'tokens'), { mode: 0o700 })
  for (const directory of tokenDirectories) {
    for (const name of readdirSync(directory)) {
      const place = join(copy, 'tokens', name)
      if (existsSync(place)) throw new Error(`Two token directories hold the same token, ${name}.`)
      cpSync(join(directory, name), place, { recursive: true })
    }
  }
  const configuration = join(copy, 'softhsm2.conf')
  writeFileSync(configuration, softHsmConfiguration(join(copy, 'tokens')), { mode: 0o600 })
  return configuration
}

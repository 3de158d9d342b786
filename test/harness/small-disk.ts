/** A disk so small that it can be filled: a file system in memory that one process, and its children, have for themselves. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** A namespace of mounts of its own; whoever is not root gets a namespace of users with it, where the system allows. */
const apart = ['--mount', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])]
const mounting = (mebibytes: number) => `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0" && exec "$@"`

/** What runs a command with a small disk mounted on a directory, in the same process. */
export const onSmallDisk = (mebibytes: number, directory: string, command: readonly string[]) =>
  ['unshare', ...apart, 'sh', '-c', mounting(mebibytes), directory, ...command] as const

const tried = spawnSync('unshare', [...apart, 'sh', '-c', mounting(1), '/mnt', 'true'])

export const hasSmallDisks = tried.status === 0
export const needsSmallDisks = 'needs unshare, and the right to mount'

/** Runs a script on a small disk. @returns what it says on its last line, in JSON */
export async function ranOnSmallDisk(script: string, mebibytes: number, directory: string, ...args: string[]) {
  const [program, ...rest] = onSmallDisk(mebibytes, directory, [process.execPath, script, directory, ...args])
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`it ended with ${code}: ${said}`)
  return JSON.parse(said.trim().split('\n').at(-1) ?? '')
}

import type { TestProject } from 'vitest/node'
import { type HostKind, removeHome, startServer } from '../harness/server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    hostKind: HostKind
    url: string
    home: string
    credentialsFile: string
  }
}

/** One server for all files of an end-to-end project, as a user starts it. */
const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const kind: HostKind = project.name === 'e2e-offline' ? 'offline' : 'local'
  const server = await startServer(kind)
  project.provide('hostKind', kind)
  project.provide('url', server.url)
  project.provide('home', server.home)
  project.provide('credentialsFile', server.credentialsFile)
  return async () => {
    const ended = await server.stop('SIGINT')
    removeHome(server.home)
    if (ended !== 0) throw new Error(`the ${kind} host ended with ${ended}:\n${server.output()}`)
  }
}

export { setup }

/** What the integration tests run on: LocalStack, or what answers like it, where LOCALSTACK_ENDPOINT names it. */
import type { TestProject } from 'vitest/node'

export interface Ground {
  readonly kind: string
  /** Without it the embedded store and a bus of the test's own stand in. */
  readonly endpoint?: string
  /** Whether it runs init scripts, ours among them. */
  readonly initialized: boolean
}

declare module 'vitest' {
  interface ProvidedContext {
    ground: Ground
  }
}

/** By a path that only they answer. */
const kinds = { LocalStack: '/_localstack/health', moto: '/moto-api/data.json' } as const

/** @throws Error when nothing that can be tested on answers there: a run that was asked for must not look like one */
export async function groundAt(endpoint: string | undefined): Promise<Ground> {
  if (endpoint === undefined) {
    return { kind: 'the embedded store, as LOCALSTACK_ENDPOINT is not set', initialized: false }
  }
  for (const [kind, path] of Object.entries(kinds)) {
    const answer = await fetch(new URL(path, endpoint), { signal: AbortSignal.timeout(5000) }).catch(
      (error: unknown) => {
        throw new Error(`LOCALSTACK_ENDPOINT is ${endpoint}, where nothing answers`, { cause: error })
      },
    )
    if (answer.ok) return { ...(await described(kind, endpoint)), endpoint }
  }
  throw new Error(`LOCALSTACK_ENDPOINT is ${endpoint}, which is neither ${Object.keys(kinds).join(' nor ')}`)
}

async function described(kind: string, endpoint: string): Promise<Ground> {
  if (kind !== 'LocalStack') return { kind, initialized: false }
  const asked = async (path: string) => (await fetch(new URL(`/_localstack/${path}`, endpoint))).json()
  const [{ version }, { scripts }] = (await Promise.all([asked('health'), asked('init')])) as [
    { readonly version: string },
    { readonly scripts: readonly { readonly name: string }[] },
  ]
  return { kind: `LocalStack ${version}`, initialized: scripts.some(({ name }) => name === 'keystead.sh') }
}

export async function setup(project: TestProject): Promise<void> {
  const ground = await groundAt(process.env.LOCALSTACK_ENDPOINT)
  process.stdout.write(`localstack: the integration tests run on ${ground.kind}\n`)
  project.provide('ground', ground)
}

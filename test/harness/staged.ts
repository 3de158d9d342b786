import { ask, first, type Staged, stageAll } from './actions.ts'
import { copyOf, type Lasting, newLasting, startOn } from './mortal.ts'
import type { TestIssuer } from './oidc.ts'
import { account, root } from './world.ts'

/** A deployment where every action's valid call has what it needs. */
export async function stagedDeployment(issuer: TestIssuer): Promise<{ readonly before: Lasting; readonly at: Staged }> {
  const before = await newLasting((world) => world.addRoot(account, root))
  return { before, at: await stageAll(startOn(before), issuer) }
}

/** A copy in which the valid call of an action changes something. */
export async function preparedFor(name: string, from: Lasting, at: Staged): Promise<Lasting> {
  const lasting = copyOf(from)
  const earlier = first[name]
  if (earlier) await ask(startOn(lasting), earlier, at)
  return lasting
}

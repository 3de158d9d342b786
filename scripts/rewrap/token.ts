/** The token whose roots are meant: the deployment's first, or that of a custom key store. */
import type { Config } from '../../lib/config.ts'
import { openLibrary } from '../../lib/hsm/library.ts'
import { chooseProfile, type Profile } from '../../lib/hsm/profiles.ts'
import { findRoots, type Roots } from '../../lib/hsm/roots.ts'
import { Session } from '../../lib/hsm/session.ts'
import { clusterTokens, hsmOptions } from '../../lib/runtime.ts'

export interface RootedToken {
  readonly module: string
  readonly tokenLabel: string
  /** SoftHSM's golden one, of which this process has a copy. */
  readonly tokenDirectory?: string
  /** The cluster that it stands for, where it is that of a custom key store. */
  readonly cluster: string | undefined
  readonly session: Session
  readonly profile: Profile
  readonly roots: Roots
}

async function optionsOf(config: Config, cluster: string | undefined) {
  const first = await hsmOptions(config)
  if (cluster === undefined) return first
  const token = clusterTokens(config, first, Date.now).get(cluster)
  if (!token) throw new Error(`KEYSTEAD_KEY_STORES names no ${cluster}.`)
  return { ...token.options, pin: token.readPin() }
}

/** Opens a token as the service does: its roots are locked, or it is refused. */
export async function openRootedToken(config: Config, cluster: string | undefined): Promise<RootedToken> {
  const options = await optionsOf(config, cluster)
  const { module, tokenLabel, pin, profile: named, tokenDirectory } = options
  const session = new Session(openLibrary(options), tokenLabel, pin)
  try {
    const profile = chooseProfile(session, named)
    const roots = findRoots(session, profile)
    const place = { module, tokenLabel, ...(tokenDirectory !== undefined && { tokenDirectory }) }
    return { ...place, cluster, session, profile, roots }
  } catch (error) {
    session.close()
    throw error
  }
}

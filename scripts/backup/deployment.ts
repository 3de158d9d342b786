/** What the configuration says of the deployment that a backup is of, and the key that seals its backups. */
import { readConfig } from '../../lib/config.ts'
import { openHsm } from '../../lib/hsm/hsm.ts'
import { hsmOptions, storePlace } from '../../lib/runtime.ts'
import type { StorePlace } from '../../lib/store/connect.ts'
import type { Origin, Totals } from './lines.ts'

export interface Deployment {
  readonly origin: Origin
  readonly place: StorePlace
  readonly key: Uint8Array
}

export async function configuredDeployment(): Promise<Deployment> {
  const config = readConfig(process.env)
  const hsm = await openHsm({ ...(await hsmOptions(config)), now: Date.now })
  try {
    const key = await hsm.deriveKey('backup')
    const { KEYSTEAD_PARTITION: partition, KEYSTEAD_REGION: region, KEYSTEAD_ACCOUNT_ID: account } = config
    return { origin: { partition, region, account }, place: storePlace(config), key }
  } finally {
    hsm.close()
  }
}

/** What was counted, for people. */
export const shown = ({ items, kinds, chain }: Totals & { readonly chain: string }): string =>
  [...kinds.map(({ kind, items: many }) => `  ${kind}: ${many}`), `${items} items, digest ${chain}`].join('\n')

export const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** A command's end: one line that says what is wrong. */
export function fail(error: unknown): void {
  process.stderr.write(`keystead: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

import type { Hsm } from '../../lib/ports.ts'
import type { ConnectionErrorCode } from '../../lib/stores/key-store.ts'
import type { Clusters } from '../../lib/stores/ports.ts'
import { isProven } from '../../lib/stores/secrets.ts'
import { SoftHsm } from './soft-hsm.ts'

/** The port of the tokens of CloudHSM clusters in memory: one cluster and its relations, with an HSM and a password. */
export class ClustersInMemory implements Clusters {
  readonly hsm = new SoftHsm()
  readonly clusterId: string
  readonly account: string
  password = 'kmsPswd1'
  /** Other clusters, by the root keys that they have. */
  readonly others = new Map<string, string>()
  lineage = 'roots-1'
  /** Set to make every login fail. */
  failure: ConnectionErrorCode | undefined
  /** Whether a login stands. */
  open = false

  constructor(clusterId: string, account: string) {
    this.clusterId = clusterId
    this.account = account
  }

  has(clusterId: string, account: string): boolean {
    return (clusterId === this.clusterId || this.others.has(clusterId)) && account === this.account
  }

  async connect(_: string, proof: Parameters<Clusters['connect']>[1]): Promise<ConnectionErrorCode | undefined> {
    if (!(await isProven(this.password, proof))) return 'INVALID_CREDENTIALS'
    this.open = this.failure === undefined
    return this.failure
  }

  async hsmOf(): Promise<Hsm | undefined> {
    this.open ||= this.failure === undefined
    return this.open ? this.hsm : undefined
  }

  async lineageOf(clusterId: string): Promise<string | undefined> {
    if (this.failure) return undefined
    return clusterId === this.clusterId ? this.lineage : this.others.get(clusterId)
  }

  async disconnect(): Promise<void> {
    this.open = false
  }
}

/** Of a deployment without any. */
export const noClusters: Clusters = new ClustersInMemory('', '')

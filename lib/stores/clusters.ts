import type { Clusters } from '../ports.ts'

/**
 * Clusters that are known by their configuration. A second token cannot be opened beside the first yet, so connecting to
 * one fails, and says so.
 */
export function configuredClusters(ids: readonly string[]): Clusters {
  const known = new Set(ids)
  return {
    has: (clusterId) => known.has(clusterId),
    connect: async (clusterId) => (known.has(clusterId) ? 'INTERNAL_ERROR' : 'CLUSTER_NOT_FOUND'),
  }
}

import { type BlockList, isIP } from 'node:net'

/** Who asked, and whether over TLS: as the connection says, or as a proxy says that is believed. */
export interface Origin {
  readonly sourceIp: string
  readonly overTls: boolean
}

const holds = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/**
 * Of `X-Forwarded-For` each proxy adds whom it heard: from the last on, those of proxies that are believed are passed
 * over. What stands before anybody else, anybody may have written.
 *
 * @param peer the address at the other end of the connection
 * @param proxies those that are believed
 */
export function originOf(peer: string, headers: Readonly<Record<string, string>>, proxies?: BlockList): Origin {
  if (!proxies || !holds(proxies, peer)) return { sourceIp: peer, overTls: false }
  let sourceIp = peer
  for (const each of (headers['x-forwarded-for'] ?? '').split(',').reverse()) {
    const address = each.trim()
    if (isIP(address) === 0) break
    sourceIp = address
    if (!holds(proxies, address)) break
  }
  return { sourceIp, overTls: headers['x-forwarded-proto'] === 'https' }
}

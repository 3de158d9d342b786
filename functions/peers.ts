import { servePeers } from '../lib/http/serve.ts'

/** `POST /peers`: what other Regions say about multi-Region keys (lib/receive.ts). */
export const handler = servePeers()

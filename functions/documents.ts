import description from '../infra/derived/openapi.json' with { type: 'json' }
import { serveDocuments } from '../lib/http/documents.ts'

/** `GET /openapi.json` and `GET /docs`: a Lambda of its own, as what needs no signature should be able to do nothing. */
export const handler = serveDocuments(description)

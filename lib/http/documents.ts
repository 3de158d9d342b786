/**
 * The API's description, and a page that shows it. They are the same for everybody, so nobody signs for them; whoever
 * serves them needs neither the store nor the HSM.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { withSecurity } from './headers.ts'

type Result = APIGatewayProxyStructuredResultV2

export const documentRoutes = ['GET /openapi.json', 'GET /docs', 'GET /docs/{file}'] as const

/** What people type. The page names its files from where it is, so this leads to it. */
export const slashedDocumentRoute = 'GET /docs/'

/** What the page takes from the viewer's package; a bundle has these files beside it. */
export const viewerFiles = ['swagger-ui-bundle.js', 'swagger-ui.css'] as const

interface Page {
  readonly type: string
  readonly text: () => string
}

/** Named from the page, so that it works behind a prefix too. An icon in line is one request less that fails. */
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Keystead API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/show.css">
</head>
<body>
<div id="api"></div>
<noscript>The description itself is at <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/show.js"></script>
</body>
</html>
`

/** Nothing can be tried out: the page has no key to sign with. The viewer would ask a validator on the network. */
const show = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#api',
  deepLinking: true,
  displayOperationId: true,
  defaultModelsExpandDepth: -1,
  docExpansion: 'list',
  supportedSubmitMethods: [],
  validatorUrl: null,
})
`

/** What the viewer shows of signing in, choosing and following links, where there is nothing to sign in to, choose or follow. */
const showStyle = `.swagger-ui .scheme-container,
.swagger-ui .authorization__btn,
.swagger-ui .response-col_links,
.swagger-ui .response-control-media-type__accept-message { display: none }
`

/** Its own files alone: the page is on the origin of the API. Pictures in the viewer's style sheet are in line. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const html = 'text/html; charset=utf-8'
const script = 'text/javascript; charset=utf-8'
const style = 'text/css; charset=utf-8'

const fromPackage = createRequire(import.meta.url)
const viewerFile = (name: (typeof viewerFiles)[number]): string =>
  readFileSync(fromPackage.resolve(`swagger-ui-dist/${name}`), 'utf8')

const pagesOf = (description: object): Readonly<Record<string, Page>> => ({
  '/openapi.json': { type: 'application/json', text: () => JSON.stringify(description) },
  '/docs': { type: html, text: () => page },
  '/docs/show.js': { type: script, text: () => show },
  '/docs/show.css': { type: style, text: () => showStyle },
  '/docs/swagger-ui-bundle.js': { type: script, text: () => viewerFile('swagger-ui-bundle.js') },
  '/docs/swagger-ui.css': { type: style, text: () => viewerFile('swagger-ui.css') },
})

interface Loaded {
  readonly type: string
  readonly body: string
  readonly etag: string
}

/** A stage, or the base path of a domain, stands before it: the gateway has found the route by what follows. */
const withoutPrefix = (path: string): string => /\/(?:openapi\.json|docs(?:\/[^/]*)?)$/.exec(path)?.[0] ?? path

/** @param description the OpenAPI document */
export function serveDocuments(description: object): (event: APIGatewayProxyEventV2) => Promise<Result> {
  const pages = pagesOf(description)
  const loaded = new Map<string, Loaded>()

  /** Read when first asked for, and then kept. */
  function load(path: string): Loaded | undefined {
    const known = loaded.get(path)
    if (known || !Object.hasOwn(pages, path)) return known
    const { type, text } = pages[path] as Page
    const body = text()
    const one = { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
    loaded.set(path, one)
    return one
  }

  function answer({ rawPath, headers }: APIGatewayProxyEventV2): Result {
    const path = withoutPrefix(rawPath)
    // From where it is: a prefix stays.
    if (path === '/docs/') return { statusCode: 308, headers: { Location: '../docs' } }
    const found = load(path)
    if (!found) {
      return { statusCode: 404, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: 'Not found\n' }
    }
    const { type, body, etag } = found
    const known = headers['if-none-match']?.split(',').some((each) => each.trim().replace(/^W\//, '') === etag)
    if (known) return { statusCode: 304, headers: { ETag: etag } }
    return { statusCode: 200, headers: { 'Content-Type': type, ETag: etag }, body }
  }

  return async (event) => {
    const result = answer(event)
    return withSecurity(event, { ...result, headers: { ...ofPages, ...result.headers } })
  }
}

/** The page needs none of what it may not do: copying is by the browser's own command. */
const forbidden = ['camera', 'display-capture', 'geolocation', 'hid', 'microphone', 'payment', 'serial', 'usb']

const ofPages = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': contentSecurityPolicy,
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': forbidden.map((feature) => `${feature}=()`).join(', '),
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
} as const

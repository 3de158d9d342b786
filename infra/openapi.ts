import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AnyShape } from '../lib/schema/shape.ts'
import { type Entry, root } from './catalog.ts'
import { exampleOf } from './examples.ts'

const json = 'application/json'

const description = `A key management service with the wire protocol of AWS KMS.

Every operation below can be called in two ways, with the same members, errors and permissions:

* by its RESTful route, as described here. Members of the path are percent-encoded: the alias \`alias/a\` is
  \`alias%2Fa\`. Members of the query are repeated where they are lists. A member may be sent in the body too; the
  path and the query come first.
* as AWS JSON 1.1, the way every AWS SDK and the AWS CLI do: \`POST /\` with \`Content-Type: application/x-amz-json-1.1\`,
  \`X-Amz-Target: TrentService.<operationId>\` and all members in the body.

Every request is signed with AWS Signature Version 4, service \`kms\`, over the path as sent. Signed right and allowed by the
key's policy, it does what stands here; \`400\` and the name of an error is every other outcome that is the caller's.`

/** One of the errors that have the status, as an example. */
const errors = {
  400: {
    description: 'The request was refused; `__type` says why.',
    example: {
      __type: 'NotFoundException',
      message: "Key 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab' does not exist",
    },
  },
  413: {
    description: 'The request is larger than 10 MiB.',
    example: { __type: 'RequestEntityTooLargeException', message: 'The request is larger than 1048576 bytes.' },
  },
  500: {
    description: 'The service failed; the request id finds the cause in its log.',
    example: {
      __type: 'KMSInternalException',
      message: 'Internal failure. Request id: 7bf1f7a7-4a3b-4b0e-9d3c-0c4f0f2a1c55',
    },
  },
  503: {
    description: 'The store or the HSM did not answer in time; the request may be sent again.',
    example: {
      __type: 'DependencyTimeoutException',
      message: 'Internal failure. Request id: 7bf1f7a7-4a3b-4b0e-9d3c-0c4f0f2a1c55',
    },
  },
} as const

const groups: Readonly<Record<string, string>> = {
  audit: 'The audit trail, as AWS CloudTrail’s clients look it up. Signed for the service `cloudtrail`.',
  aliases: 'Names of keys.',
  cryptography: 'What keys do.',
  grants: 'Permissions that a key gives beside its policy.',
  keys: 'Keys, their state and their end.',
  material: 'Key material that is brought along.',
  policies: 'Who may do what with a key.',
  rotation: 'New key material for a key.',
  stores: 'Custom key stores: keys kept in another HSM, or in an external key manager.',
  tags: 'Tags of keys.',
  versions: "The versions of a key's material; not in AWS.",
}

const components = {
  schemas: {
    Error: {
      type: 'object',
      properties: {
        __type: { type: 'string', description: "The error's name, as AWS has it." },
        message: { type: 'string' },
      },
      required: ['__type'],
    },
  },
  responses: Object.fromEntries(
    Object.entries(errors).map(([status, { description, example }]) => [
      `Error${status}`,
      { description, content: { [json]: { schema: { $ref: '#/components/schemas/Error' }, example } } },
    ]),
  ),
  securitySchemes: {
    sigv4: {
      type: 'apiKey',
      in: 'header',
      name: 'Authorization',
      description: 'AWS Signature Version 4: `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.',
    },
  },
}

const errorResponses = Object.fromEntries(
  Object.keys(errors).map((status) => [status, { $ref: `#/components/responses/Error${status}` }]),
)

const isScalar = (shape: AnyShape): boolean => shape.kind !== 'map' && shape.kind !== 'struct'

function operationOf(entry: Entry): object {
  const { operation, group, method, path } = entry
  const { request, response } = exampleOf(entry)
  const inPath = new Set(Array.from(path.matchAll(/\{(\w+)\}/g), ([, member]) => member))
  const hasBody = method === 'POST' || method === 'PUT'
  const members = Object.entries<AnyShape>(operation.input.members)
  const parameters = members
    .filter(([name, shape]) => inPath.has(name) || (!hasBody && isScalar(shape)))
    .map(([name, shape]) => ({
      name,
      in: inPath.has(name) ? 'path' : 'query',
      required: inPath.has(name) || shape.required === true,
      schema: shape.json,
      ...(request[name] !== undefined && { example: request[name] }),
    }))
  const others = members.filter(([name]) => !inPath.has(name))
  const wanted = others.filter(([, shape]) => shape.required).map(([name]) => name)
  const body = {
    required: wanted.length > 0,
    content: {
      [json]: {
        schema: {
          type: 'object',
          properties: Object.fromEntries(others.map(([name, shape]) => [name, shape.json])),
          ...(wanted.length > 0 && { required: wanted }),
        },
        example: Object.fromEntries(Object.entries(request).filter(([name]) => !inPath.has(name))),
      },
    },
  }
  return {
    operationId: operation.name,
    tags: [group],
    summary: operation.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(hasBody && others.length > 0 && { requestBody: body }),
    responses: {
      200: { description: 'Done.', content: { [json]: { schema: operation.output.json, example: response } } },
      ...errorResponses,
    },
  }
}

export function openapiOf(entries: readonly Entry[]): object {
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const paths: Record<string, Record<string, object>> = {}
  for (const entry of entries) {
    const at = paths[entry.path] ?? {}
    at[entry.method.toLowerCase()] = operationOf(entry)
    paths[entry.path] = at
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Keystead', version, license: { name: license, identifier: license }, description },
    'x-derived-by': 'infra/derive.ts',
    security: [{ sigv4: [] }],
    tags: [...new Set(entries.map(({ group }) => group))].sort().map((name) => ({ name, description: groups[name] })),
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components,
  }
}

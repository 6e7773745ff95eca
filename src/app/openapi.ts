import { createHash } from 'node:crypto'
import type { Server } from '#kernel/http/server.ts'

/** Objects with their keys in order, so that a difference is a difference of meaning. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}

/** The document of a server that is ready, letter for letter as `docs/reference/openapi.json` holds it. */
export const openapiText = (server: Server): string => `${JSON.stringify(sorted(server.swagger()), undefined, 2)}\n`

/** GET /openapi.json: what a program may ask of us, for anybody. */
export function addOpenapi(server: Server): void {
  let made: { readonly text: string; readonly etag: string } | undefined
  server.get('/openapi.json', { schema: { hide: true } }, async (request, reply) => {
    if (!made) {
      const text = openapiText(server)
      made = { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` }
    }
    void reply.header('cache-control', 'public, max-age=3600').header('etag', made.etag).header('access-control-allow-origin', '*')
    if (request.headers['if-none-match'] === made.etag) return reply.status(304).send()
    return reply.type('application/json; charset=utf-8').send(made.text)
  })
}

import type { FastifyReply } from 'fastify'
import type { Kernel } from '#kernel/context.ts'
import { httpErrors, problem, type Server } from '#kernel/http/server.ts'
import { findCheckpoint, findTile, parseTilePath } from '#modules/trail/index.ts'

/**
 * The tree of each tenant as C2SP tlog-tiles asks for it, under `/log/<tenant>/`: `checkpoint` and `tile/…`. Hashes only: whoever
 * keeps a checkpoint can see that nothing before it was changed, and learns nothing of what is in the entries.
 */
export function addTrailLog(server: Server, kernel: Kernel): void {
  const hide = { schema: { hide: true } }
  server.get('/log/:tenant/checkpoint', hide, async (request, reply) => {
    const tenant = tenantOf(request.params)
    const checkpoint = tenant === undefined ? undefined : await findCheckpoint(kernel.db, tenant)
    if (!checkpoint) return notFound(reply, request.id)
    return reply.header('cache-control', 'no-cache').type('text/plain; charset=utf-8').send(checkpoint.note)
  })
  server.get('/log/:tenant/tile/*', hide, async (request, reply) => {
    const tenant = tenantOf(request.params)
    const tile = parseTilePath(`tile/${(request.params as { '*': string })['*']}`)
    const hashes = tenant === undefined || !tile ? undefined : await findTile(kernel.db, tenant, tile)
    if (!hashes) return notFound(reply, request.id)
    return reply.header('cache-control', 'public, max-age=31536000, immutable').type('application/octet-stream').send(hashes)
  })
}

function tenantOf(params: unknown): number | undefined {
  const { tenant } = params as { tenant: string }
  return /^[1-9]\d{0,5}$/.test(tenant) ? Number(tenant) : undefined
}

const notFound = (reply: FastifyReply, requestId: string) =>
  reply
    .status(404)
    .type('application/problem+json')
    .send(JSON.stringify(problem(httpErrors.not_found, requestId)))

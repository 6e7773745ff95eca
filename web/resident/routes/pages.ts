import { gzipSync } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { leafHash } from '#engines/hashtree/index.ts'
import type { Server } from '#kernel/http/server.ts'
import type { AppError, ErrorCode } from '#kernel/result.ts'
import { type BillState, findBillById, findBillOfOrder } from '#modules/billing/index.ts'
import { type ReceiptBundle, refuse } from '#modules/trail/index.ts'
import { isOwnForm, localPath, openVisit, type Visit, type VisitOptions, visitErrors } from '#web/visit.ts'
import { type ErrorView, errorPage } from '../error.tsx'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** What every resident route shares: the visit, answers in HTML, guarded forms, refusals on the trail. */
export interface Pages {
  readonly options: VisitOptions
  visit(request: FastifyRequest, reply: FastifyReply): Promise<Visit>
  html(reply: FastifyReply, document: string, status?: number): FastifyReply
  error(visit: Visit, reply: FastifyReply, error: ErrorCode | AppError, money?: ErrorView['money']): FastifyReply
  refused(visit: Visit, error: AppError, place: string): void
  /** A POST of one of our own forms; anything from elsewhere is refused before the handler sees it. */
  guarded(request: FastifyRequest, reply: FastifyReply, work: () => Promise<FastifyReply>): Promise<FastifyReply>
  /** The same as a route. */
  form(server: Server, path: string, limits: { per_minute?: number }, handler: Handler): void
  findBillById(visit: Visit, billId: string): Promise<BillState | undefined>
  findBillOfOrder(visit: Visit, orderId: string): Promise<BillState | undefined>
  localPath(text: unknown, otherwise?: string): string
  /** Leaf hash of a proved entry, base64url. */
  leafOf(bundle: ReceiptBundle): string
}

const SHOWN = new Set([403, 404, 409, 429, 500, 503])
const shownStatus = (status: number): ErrorView['status'] =>
  SHOWN.has(status) ? (status as ErrorView['status']) : status === 401 ? 403 : status >= 500 ? 500 : 409

export function createPages(options: VisitOptions): Pages {
  const { kernel } = options
  const html: Pages['html'] = (reply, document, status = 200) => {
    void reply.status(status).type('text/html; charset=utf-8').header('cache-control', 'no-store').header('vary', 'accept-encoding, cookie')
    const zips = /\bgzip\b/.test(String(reply.request.headers['accept-encoding'] ?? ''))
    return zips ? reply.header('content-encoding', 'gzip').send(gzipSync(document)) : reply.send(document)
  }
  const visit: Pages['visit'] = (request, reply) => openVisit(options, request, reply)
  const refused: Pages['refused'] = (at, error, place) => {
    refuse(kernel.db, at.ctx, { code: error.code, place }).catch(failure => kernel.log.warn({ err: failure }, 'refusal not recorded'))
  }
  const error: Pages['error'] = (at, reply, failure, money) => {
    // What a limit told the browser is what the page tells the person.
    const retryAfterS = Number(reply.getHeader('retry-after')) || undefined
    return html(
      reply,
      errorPage(at.page, {
        status: shownStatus(failure.status),
        requestId: at.ctx.requestId,
        ...(money && { money }),
        ...(retryAfterS && { retryAfterS }),
      }),
      failure.status === 401 ? 403 : failure.status,
    )
  }
  const guarded: Pages['guarded'] = async (request, reply, work) => {
    if (isOwnForm(kernel, request)) return work()
    const at = await visit(request, reply)
    refused(at, visitErrors.cross_site, `POST ${request.routeOptions.url ?? ''}`)
    return error(at, reply, visitErrors.cross_site, 'not_charged')
  }
  return {
    options,
    guarded,
    localPath,
    visit,
    html,
    error,
    refused,
    form(server, path, limits, handler) {
      const config = { rateLimit: { max: limits.per_minute ?? 60, timeWindow: '1 minute' } }
      server.post(path, { schema: { hide: true }, config }, (request, reply) => guarded(request, reply, () => handler(request, reply)))
    },
    findBillById: (at, billId) => findBillById(at.ctx, billId),
    findBillOfOrder: (at, orderId) => findBillOfOrder(at.ctx, orderId),
    leafOf: bundle => Buffer.from(leafHash(Buffer.from(bundle.entry, 'utf8'))).toString('base64url'),
  }
}

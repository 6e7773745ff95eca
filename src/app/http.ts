import type { FastifyRequest } from 'fastify'
import { type Ctx, type Kernel, type Lang, makeId, systemCtx } from '#kernel/context.ts'
import { addRoutes, createServer, httpErrors, problem, type Server } from '#kernel/http/server.ts'
import type { Result } from '#kernel/result.ts'
import { calendar, dayOf, timeOfDay } from '#kernel/time.ts'
import { billingErrors, type ImportReport, receivePush, staffActor, verifyPush } from '#modules/billing/index.ts'
import { findResident, findStaff } from '#modules/identity/index.ts'
import { paymentErrors, receiveNotification } from '#modules/payments/index.ts'
import { refuse } from '#modules/trail/index.ts'
import { addDebitRoutes } from '#web/debits/routes.ts'
import { addDisputeRoutes } from '#web/disputes/routes.ts'
import { addKioskRoutes } from '#web/kiosk/routes.ts'
import { addMiniRoutes } from '#web/mini/routes.ts'
import { addPrepaidRoutes } from '#web/prepaid/routes.ts'
import { addProductRoutes } from '#web/products/routes.ts'
import { addDemoRoutes } from '#web/resident/routes/demo.ts'
import { addOtherRoutes } from '#web/resident/routes/find.ts'
import { createPages, type Pages } from '#web/resident/routes/pages.ts'
import { addPayRoutes } from '#web/resident/routes/pay.ts'
import { addSignInRoutes } from '#web/resident/routes/sign-in.ts'
import { addStaffRoutes } from '#web/staff/routes.ts'
import { assets } from '#web/ui/assets.ts'
import { galleryPage } from '#web/ui/gallery.tsx'
import { cookieName, type VisitOptions } from '#web/visit.ts'
import { showFailure } from './failed-page.ts'
import { apiRoutes } from './modules.ts'
import { addOpenapi } from './openapi.ts'
import { describe } from './texts.ts'
import { addTrailLog } from './trail-log.ts'

export const VERSION = '0.1.0'

export interface HttpOptions {
  readonly kernel: Kernel
  readonly tenant: { readonly id: number; readonly name: Readonly<Record<Lang, string>>; readonly phone: string; readonly address: string }
}

/**
 * Refusals written to the trail by one process: a flood of bad requests is counted, not kept for ever. What a limit on
 * requests refused has a small share of its own, so that flooding cannot crowd out the refusals that tell something.
 */
const REFUSALS_PER_MINUTE_MAX = 600
const LIMITED_PER_MINUTE_MAX = 60

function limiter(kernel: Kernel, most: number): () => boolean {
  let minute = 0
  let count = 0
  return () => {
    const now = Math.floor(kernel.clock.now().getTime() / 60_000)
    if (now !== minute) [minute, count] = [now, 0]
    return count++ < most
  }
}

/** Bodies of notifications; channels send about two kilobytes. */
const NOTIFICATION_BYTES_MAX = 64 * 1024
/** A push of a thousand bills. */
const PUSH_BYTES_MAX = 2 * 2 ** 20

export async function createHttp(options: HttpOptions): Promise<Server> {
  const { kernel, tenant } = options
  const dropped = kernel.metrics.counter('yimen_refusals_unrecorded_total', 'Refused requests beyond what the trail records in a minute')
  const isWithin = limiter(kernel, REFUSALS_PER_MINUTE_MAX)
  const isWithinLimited = limiter(kernel, LIMITED_PER_MINUTE_MAX)
  // Some are refused before anybody asked who calls: too large, too many, no JSON.
  const refused = (ctx: Ctx | undefined, code: string, place: string) => {
    if (!(code === httpErrors.too_many_requests.code ? isWithinLimited() : isWithin())) return dropped.inc()
    const by = ctx ?? { kernel, tenantId: tenant.id, actor: NOBODY, requestId: makeId({ kernel }), lang: 'zh-CN' as const }
    refuse(kernel.db, by, { code, place }).catch(error => kernel.log.warn({ err: error }, 'refusal not recorded'))
  }
  const onRefused = (ctx: Ctx | undefined, error: { code: string }, place: string) => refused(ctx, error.code, place)
  let pages: Pages | undefined
  let bare: Pages | undefined
  const server = await createServer({
    kernel,
    version: VERSION,
    authenticate: request => authenticate(kernel, tenant.id, request),
    onRefused,
    showError: async (request, reply, error) => (pages && bare ? showFailure(pages, bare, request, reply, error) : undefined),
  })
  addAssets(server)
  addNotifications(server, kernel, refused)
  addTrailLog(server, kernel)
  addOpenapi(server)
  for (const [tag, routes] of Object.entries(apiRoutes)) addRoutes(server, tag, routes, { onRefused, describe })
  const visits: VisitOptions = {
    kernel,
    tenantId: tenant.id,
    tenantName: tenant.name,
    phone: tenant.phone,
    findResident: token => findResident(kernel, tenant.id, token),
    hall: (lang, now) => hallAt(tenant.name[lang], tenant.address, lang, now),
  }
  pages = createPages(visits)
  bare = createPages({ ...visits, findResident: async () => undefined })
  addPayRoutes(server, pages)
  addOtherRoutes(server, pages)
  addSignInRoutes(server, pages)
  addDebitRoutes(server, pages)
  addDisputeRoutes(server, pages)
  addProductRoutes(server, pages)
  addPrepaidRoutes(server, pages)
  addMiniRoutes(server, pages)
  addStaffRoutes(server, pages)
  addKioskRoutes(server, pages)
  if (kernel.config.sandbox) addDemoRoutes(server, pages)
  server.get('/ui', { schema: { hide: true } }, async (request, reply) =>
    pages.html(reply, galleryPage((await pages.visit(request, reply)).page)),
  )
  server.setNotFoundHandler(async (request, reply) => {
    if (request.url.startsWith('/api/'))
      return reply
        .status(404)
        .type('application/problem+json')
        .send(JSON.stringify(problem(httpErrors.not_found, request.id)))
    return pages.error(await pages.visit(request, reply), reply, httpErrors.not_found)
  })
  return server
}

const NOBODY: Ctx['actor'] = { kind: 'anonymous', id: 'anonymous', permissions: new Set() }

/** Who calls the API: a member of staff by the session cookie, with the second factor done; else nobody in particular. */
async function authenticate(kernel: Kernel, tenantId: number, request: FastifyRequest): Promise<Ctx> {
  const token = /^Bearer ([0-9a-z]{1,100})$/.exec(request.headers.authorization ?? '')?.[1] ?? request.cookies[cookieName(kernel, 'staff')]
  const member = token ? await findStaff(kernel, tenantId, token) : undefined
  const actor: Ctx['actor'] = member?.secondFactorDone ? await staffActor(kernel, tenantId, member) : NOBODY
  return { kernel, tenantId, actor, requestId: request.id, lang: 'zh-CN' }
}

function hallAt(name: string, address: string, lang: Lang, now: Date) {
  const time = timeOfDay(now)
  const isOpen = calendar().isWorkingDay(dayOf(now)) && time >= '08:30' && time < '17:30'
  return {
    name: lang === 'en' ? `${name} Service Centre` : `${name}社区服务中心`,
    hours: lang === 'en' ? 'Working days 8:30–17:30' : '工作日 8:30–17:30',
    address,
    isOpen,
  }
}

function addAssets(server: Server): void {
  for (const [path, asset] of assets.files) {
    server.get(path, { schema: { hide: true }, config: { rateLimit: false } }, async (request, reply) => {
      void reply
        .header('cache-control', 'public, max-age=31536000, immutable')
        .header('etag', asset.etag)
        .header('vary', 'accept-encoding')
        .type(asset.type)
      if (request.headers['if-none-match'] === asset.etag) return reply.status(304).send()
      return /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
        ? reply.header('content-encoding', 'gzip').send(asset.gzip)
        : reply.send(asset.body)
    })
  }
}

/** Bills pushed by a biller's own system: signed with its shared secret, taken whole or not at all. */
async function takePush(kernel: Kernel, request: FastifyRequest, biller: string): Promise<Result<ImportReport>> {
  const header = (name: string): string => String(request.headers[name] ?? '')
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  const ctx = systemCtx(kernel, request.ctx.tenantId, `push:${biller}`)
  const given = {
    clientId: header('x-client-id'),
    timestamp: header('x-timestamp'),
    nonce: header('x-nonce'),
    signature: header('x-signature'),
  }
  const signed = await verifyPush(ctx, biller, request.method, request.url, given, raw)
  return signed.ok ? receivePush(ctx, biller, raw) : signed
}

/** Notifications are verified on their raw bytes, so this corner of the server parses nothing; no browser comes here, so no headers for one. */
function addNotifications(server: Server, kernel: Kernel, refused: (ctx: Ctx, code: string, place: string) => void): void {
  void server.register(async corner => {
    corner.removeAllContentTypeParsers()
    corner.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: NOTIFICATION_BYTES_MAX }, (_request, body, done) => done(null, body))
    corner.post('/push/:biller/bills', { schema: { hide: true }, bodyLimit: PUSH_BYTES_MAX, helmet: false }, async (request, reply) => {
      const { biller } = request.params as { biller: string }
      const pushed = await takePush(kernel, request, biller)
      if (pushed.ok && pushed.value.outcome !== 'refused') return reply.send(pushed.value)
      const code = pushed.ok ? billingErrors.file_refused.code : pushed.error.code
      refused(request.ctx, code, 'POST /push/:biller/bills')
      if (pushed.ok) return reply.status(422).send(pushed.value)
      return reply
        .status(pushed.error.status)
        .type('application/problem+json')
        .send(JSON.stringify(problem(pushed.error, request.id)))
    })
    corner.post(
      '/notify/:channel/:tenant',
      { schema: { hide: true }, config: { rateLimit: false }, helmet: false },
      async (request, reply) => {
        const { channel, tenant } = request.params as { channel: string; tenant: string }
        const headers = request.headers as Record<string, string | undefined>
        const received = /^\d{1,6}$/.test(tenant)
          ? await receiveNotification(
              kernel,
              Number(tenant),
              channel,
              Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
              headers,
            )
          : undefined
        if (received?.ok) return channel === 'alipay' ? reply.type('text/plain').send('success') : reply.status(204).send()
        const code = received?.error.code ?? httpErrors.not_found.code
        refused(request.ctx, code, `POST /notify/${channel}`)
        // A channel this tenant does not have is a place nobody lives at.
        const status = code === paymentErrors.channel_not_available.code ? 404 : (received?.error.status ?? 404)
        return channel === 'alipay'
          ? reply.status(status).type('text/plain').send('fail')
          : reply.status(status).send({ code: 'FAIL', message: code })
      },
    )
  })
}

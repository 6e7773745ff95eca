import { z } from 'zod'
import type { Server } from '#kernel/http/server.ts'
import { uploadOffline } from '#modules/billing/index.ts'
import { listOwnOffline, paymentErrors, viewDrawer } from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import { assets } from '#web/ui/assets.ts'
import { t } from '#web/ui/messages.ts'
import { isDesk, openDesk } from './desk.ts'
import { offlinePage } from './offline.tsx'
import { staffPaths } from './paths.ts'

/** What a device hands over; numbers and bounds are checked again where they are kept. */
const actsSchema = z.array(
  z.strictObject({
    session: z.string(),
    device: z.string(),
    seq: z.int(),
    subject: z.string(),
    amount_fen: z.int(),
    tendered_fen: z.int(),
    taken_at: z.iso.datetime(),
  }),
)

function readActs(text: string): z.infer<typeof actsSchema> | undefined {
  try {
    return actsSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

const TONES = { booked: 'ok', returning: 'warn', asking: 'warn' } as const

/** The window without network: its page, what it hands over, and the worker that shows the page. */
export function addOfflineRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  const hidden = { schema: { hide: true } } as const

  server.get(staffPaths.cashOffline, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const [drawer, acts] = [await viewDrawer(desk.ctx), await listOwnOffline(desk.ctx)]
    if (!drawer.ok) return deny(desk, reply, drawer.error, `GET ${staffPaths.cashOffline}`)
    if (!acts.ok) return deny(desk, reply, acts.error, `GET ${staffPaths.cashOffline}`)
    const { session } = drawer.value
    if (!session) return reply.redirect(staffPaths.cash, 303)
    return pages.html(
      reply,
      offlinePage(desk.page, {
        session: session.id,
        drawer: session.drawer,
        acts: acts.value.map(act => ({
          subject: act.subject,
          at: act.takenAt,
          amountFen: act.amountFen,
          state: { text: t(desk.ctx.lang)(`cash.off_${act.outcome ?? 'open'}`), tone: act.outcome ? TONES[act.outcome] : 'now' },
          ...(act.orderId && { href: `/staff/orders/${act.orderId}` }),
        })),
      }),
    )
  })
  server.get(`${staffPaths.cashOffline}/state`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? reply.header('cache-control', 'no-store').send({ csrf: desk.page.csrf }) : desk
  })
  server.get(`${staffPaths.cashOffline}/worker.js`, hidden, async (_request, reply) => {
    const worker = assets.files.get(assets.href('window-worker.js'))!
    return reply.type(worker.type).headers({ 'cache-control': 'no-cache', 'service-worker-allowed': staffPaths.cash }).send(worker.body)
  })
  pages.form(server, staffPaths.cashOffline, { per_minute: 240 }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const place = `POST ${staffPaths.cashOffline}`
    const acts = readActs(textsOf(request.body).acts ?? '')
    const uploaded = acts
      ? await uploadOffline(
          desk.ctx,
          acts.map(a => ({
            sessionId: a.session,
            device: a.device,
            seq: a.seq,
            subject: a.subject,
            amountFen: a.amount_fen,
            tenderedFen: a.tendered_fen,
            takenAt: new Date(a.taken_at),
          })),
        )
      : { ok: false as const, error: paymentErrors.offline_malformed }
    if (uploaded.ok) return reply.header('cache-control', 'no-store').send(uploaded.value)
    pages.refused({ ...desk.visit, ctx: desk.ctx }, uploaded.error, place)
    return reply.status(uploaded.error.status).send({ code: uploaded.error.code })
  })
}

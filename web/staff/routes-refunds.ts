import type { FastifyReply } from 'fastify'
import { type Ctx, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { parseYuan } from '#kernel/money.ts'
import { decideCashVoid } from '#modules/billing/index.ts'
import { listStaffNames } from '#modules/identity/index.ts'
import {
  decideRefund,
  findOrderById,
  findRefundOffer,
  listRefundsWaiting,
  listVoidsWaiting,
  paymentErrors,
  requestRefund,
  STAFF_REFUND_CAUSES,
} from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { textsOf } from '#web/resident/routes/views.ts'
import { yuan } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { orderText } from './find.ts'
import { staffPaths } from './paths.ts'
import { askRefundPage, REFUND_NOTICES, type RefundNotice, refundsPage } from './refunds.tsx'
import { waitOf } from './routes-rescues.ts'
import { codeName } from './words.ts'

const fenOf = (text: string | undefined): number => (/^\d{1,15}$/.test(text ?? '') ? Number(text) : -1)
const staffIdOf = (key: string): string => key.replace(/^staff:/, '')

/** Giving a part back by two people: asking on the order's own page, agreeing on the list. */
export function addRefundRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const { kernel } = pages.options
  const hidden = { schema: { hide: true } } as const

  server.get(staffPaths.refunds, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const [waiting, asked] = [await listRefundsWaiting(ctx), await listVoidsWaiting(ctx)]
    if (!waiting.ok) return deny(desk, reply, waiting.error, `GET ${staffPaths.refunds}`)
    const voids = asked.ok ? asked.value : []
    const askers = [...waiting.value.map(r => r.requestedBy), ...voids.map(v => v.askedBy)]
    const names = await listStaffNames(ctx, [...new Set(askers.map(staffIdOf).filter(isUuid))])
    const nameOf = (key: string) => names.get(staffIdOf(key)) ?? t(ctx.lang)('staff.colleague')
    const now = kernel.clock.now()
    const notice = REFUND_NOTICES.find(known => known === textsOf(request.query).notice)
    const rows = await Promise.all(
      waiting.value.map(async r => {
        const order = await findOrderById(ctx, r.orderId)
        return {
          href: `/staff/orders/${r.orderId}`,
          text: order ? await orderText(ctx, order) : '',
          cause: codeName(ctx.lang, r.cause),
          ...(r.note && { note: r.note }),
          askedBy: nameOf(r.requestedBy),
          askedAt: r.createdAt,
          waits: waitOf(ctx.lang, r.createdAt, now),
          amountFen: r.amountFen,
          paidFen: r.paidFen,
          givenFen: r.givenFen,
          action: `${staffPaths.refunds}/${r.id}`,
          isOwn: r.isOwn,
        }
      }),
    )
    const voidRows = await Promise.all(
      voids.map(async v => {
        const order = await findOrderById(ctx, v.orderId)
        return {
          href: `/staff/orders/${v.orderId}`,
          text: order ? await orderText(ctx, order) : '',
          reason: v.reason,
          askedBy: nameOf(v.askedBy),
          waits: waitOf(ctx.lang, v.askedAt, now),
          amountFen: v.amountFen,
          action: `/staff/voids/${v.orderId}`,
          isOwn: v.isOwn,
        }
      }),
    )
    return pages.html(reply, refundsPage(desk.page, { rows, voids: voidRows, ...(notice && { notice }) }))
  })

  pages.form(server, `${staffPaths.refunds}/:id`, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const { act, given } = textsOf(request.body)
    const isAgreed = act === 'agree'
    const place = `POST ${staffPaths.refunds}/:id`
    const decided = await decideRefund(desk.ctx, { refundId: isUuid(id) ? id : '', isAgreed, givenFen: fenOf(given) })
    const mayList = permit(desk.ctx, 'payments.refund.approve').ok
    const to = (notice: RefundNotice) => reply.redirect(`${mayList ? staffPaths.refunds : staffPaths.search}?notice=${notice}`, 303)
    if (decided.ok) return to(isAgreed ? 'agreed' : 'declined')
    const { code } = decided.error
    if (code === paymentErrors.refund_decided.code || code === paymentErrors.refund_stale.code) {
      pages.refused({ ...desk.visit, ctx: desk.ctx }, decided.error, place)
      return to(code === paymentErrors.refund_decided.code ? 'decided_before' : 'stale')
    }
    return deny(desk, reply, decided.error, place)
  })

  pages.form(server, '/staff/voids/:id', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const isAgreed = textsOf(request.body).act === 'agree'
    const decided = await decideCashVoid(desk.ctx, { orderId: id, isAgreed })
    const to = (notice: RefundNotice) => reply.redirect(`${staffPaths.refunds}?notice=${notice}`, 303)
    if (decided.ok) return to(isAgreed ? 'void_agreed' : 'declined')
    const { code } = decided.error
    if (code !== paymentErrors.void_decided.code && code !== paymentErrors.void_too_late.code)
      return deny(desk, reply, decided.error, 'POST /staff/voids/:id')
    pages.refused({ ...desk.visit, ctx: desk.ctx }, decided.error, 'POST /staff/voids/:id')
    return to(code === paymentErrors.void_decided.code ? 'decided_before' : 'void_late')
  })

  type Typed = { values: Record<string, string | undefined>; errors: FieldError[] }
  async function ask(desk: Desk, reply: FastifyReply, id: string, typed?: Typed): Promise<FastifyReply> {
    const { ctx } = desk
    const order = await findOrderById(ctx, id)
    const offer = order && (await findRefundOffer(ctx, id))
    if (!offer?.ok || !offer.value) return refuse(desk, reply, 404)
    const { lines, givenFen } = offer.value
    return pages.html(
      reply,
      askRefundPage(desk.page, {
        orderNo: order!.code,
        orderHref: `/staff/orders/${id}`,
        bill: await orderText(ctx, order!),
        paidFen: order!.paidFen,
        givenFen,
        lines: lines.map(l => ({ value: String(l.line), label: `${l.title} ${yuan(l.leftFen)}` })),
        leftFen: order!.paidFen - givenFen - 1,
        causes: STAFF_REFUND_CAUSES.map(value => ({ value, label: codeName(ctx.lang, value) })),
        action: `/staff/orders/${id}/refund`,
        idempotencyKey: newCode(kernel.random),
        ...typed,
      }),
      typed ? 422 : 200,
    )
  }

  server.get('/staff/orders/:id/refund', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const may = permit(desk.ctx, 'payments.refund.request')
    if (!may.ok) return deny(desk, reply, may.error, 'GET /staff/orders/:id/refund')
    const { id } = request.params as { id: string }
    return isUuid(id) ? ask(desk, reply, id) : refuse(desk, reply, 404)
  })
  pages.form(server, '/staff/orders/:id/refund', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = 'POST /staff/orders/:id/refund'
    const may = permit(ctx, 'payments.refund.request')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const { id } = request.params as { id: string }
    if (!isUuid(id)) return refuse(desk, reply, 404)
    const values = textsOf(request.body)
    const amount = parseYuan(values.amount ?? '')
    const asked = await requestRefund(ctx, {
      orderId: id,
      line: fenOf(values.line),
      amountFen: amount.ok ? amount.value : 0,
      cause: values.cause ?? '',
      note: values.note ?? '',
      givenFen: fenOf(values.given),
      idempotencyKey: values.idempotency_key,
    })
    if (asked.ok) return reply.redirect(`/staff/orders/${id}`, 303)
    const { field, code } = asked.error
    if (code === paymentErrors.refund_stale.code) return ask(desk, reply, id, { values, errors: [saysOf(ctx, 'amount', code)] })
    return field ? ask(desk, reply, id, { values, errors: [saysOf(ctx, field, code)] }) : deny(desk, reply, asked.error, place)
  })
}

/** What is wrong with a field, in words. */
function saysOf(ctx: Ctx, field: string, code: string): FieldError {
  const say = t(ctx.lang)
  switch (code) {
    case paymentErrors.refund_stale.code:
      return { field, text: say('staff.error_refund_stale') }
    case paymentErrors.refund_too_large.code:
      return { field, text: say('staff.error_refund_large') }
    case paymentErrors.refund_whole.code:
      return { field, text: say('staff.error_refund_whole') }
    case paymentErrors.reason_missing.code:
      return { field, text: say('staff.error_refund_cause') }
    case paymentErrors.note_missing.code:
      return { field, text: say('staff.error_break_note') }
    default:
      return { field, text: say('staff.error_refund_amount') }
  }
}

import type { FastifyReply } from 'fastify'
import type { Ctx } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import type { AppError } from '#kernel/result.ts'
import { billingErrors, dueFen, findBillById, getBill, listReceipts, payByCard } from '#modules/billing/index.ts'
import { CARD, confirmCardRefund, findOrderById, paymentErrors, viewCardDesk, viewDrawer, windowPayer } from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { readPart } from '#web/resident/routes/parts.ts'
import { serviceName, textsOf } from '#web/resident/routes/views.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { type Desk, isDesk, openDesk } from '../desk.ts'
import { orderText } from '../find.ts'
import { staffPaths } from '../paths.ts'
import { cardBillPage, cardDonePage, cardPayoutsPage } from './page.tsx'

const STOPS: readonly string[] = [
  billingErrors.bill_already_paid.code,
  billingErrors.bill_being_paid.code,
  paymentErrors.subject_already_paid.code,
  paymentErrors.subject_being_paid.code,
]
const CHANGED: readonly string[] = [billingErrors.quote_changed.code, billingErrors.quote_expired.code]

/** What went wrong, at its field; the terminal has the money, so each says what to do there. */
function errorsOf(ctx: Ctx, error: AppError): FieldError[] | undefined {
  const say = t(ctx.lang)
  switch (error.code) {
    case paymentErrors.card_terminal.code:
      return [{ field: 'terminal', text: say('card_desk.error_terminal') }]
    case paymentErrors.card_reference.code:
      return [{ field: 'reference', text: say('card_desk.error_reference') }]
    case paymentErrors.card_last4.code:
      return [{ field: 'last4', text: say('card_desk.error_last4') }]
    case paymentErrors.card_reference_used.code:
      return [{ field: 'reference', text: say('card_desk.error_used') }]
    default:
      return CHANGED.includes(error.code) ? [{ field: 'reference', text: say('card_desk.error_changed') }] : undefined
  }
}

/** Cards at the window: a bill paid by a terminal's slip, and refunds made on the terminal. */
export function addCardRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const { kernel } = pages.options
  const hidden = { schema: { hide: true } } as const
  const billPath = `${staffPaths.cash}/bills/:id/card`

  async function showBill(
    desk: Desk,
    reply: FastifyReply,
    id: string,
    part: string | undefined,
    typed?: { values: Record<string, string>; errors?: FieldError[]; stop?: string },
  ): Promise<FastifyReply> {
    const { ctx } = desk
    const card = await viewCardDesk(ctx)
    const drawer = await viewDrawer(ctx)
    if (!card.ok) return deny(desk, reply, card.error, `GET ${billPath}`)
    if (!drawer.ok) return deny(desk, reply, drawer.error, `GET ${billPath}`)
    if (!drawer.value.session) return reply.redirect(staffPaths.cash, 303)
    const known = isUuid(id) ? await findBillById(ctx, id) : undefined
    const found = known && (await getBill(ctx, known.bill.code, [windowPayer(drawer.value.session)]))
    if (!found?.ok) return refuse(desk, reply, 404)
    const { bill, biller, checks, quote } = found.value
    const billHref = `${staffPaths.cash}/bills/${bill.id}`
    const query = part ? `?part=${encodeURIComponent(part)}` : ''
    const asked = part ? await readPart(ctx, found.value, part, billHref) : undefined
    // An amount that cannot be paid is put right where it was typed.
    if (asked?.errors) return reply.redirect(`${billHref}${query}`, 303)
    const isStopped = checks.some(check => check.level === 'stop')
    const stop = typed?.stop ?? (isStopped ? t(ctx.lang)('cash.stop_other') : undefined)
    return pages.html(
      reply,
      cardBillPage(desk.page, {
        what: `${serviceName(ctx.lang, biller)} ${periodLabel(ctx.lang, bill.periodFrom, bill.periodTo)}`,
        amountFen: asked?.amountFen ?? dueFen(found.value),
        ...(stop && { stop }),
        action: `${billHref}/card${query}`,
        cashHref: `${billHref}${query}`,
        quote: asked?.quote ?? quote,
        idempotencyKey: newCode(kernel.random),
        values: { terminal: card.value.lastTerminal, ...typed?.values },
        ...(typed?.errors && { errors: typed.errors }),
      }),
      typed ? 422 : 200,
    )
  }

  server.get(billPath, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? showBill(desk, reply, (request.params as { id: string }).id, textsOf(request.query).part) : desk
  })
  pages.form(server, billPath, { per_minute: 120 }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const { part } = textsOf(request.query)
    const { quote = '', terminal = '', reference = '', last4 = '', idempotency_key: idempotencyKey } = textsOf(request.body)
    const taken = await payByCard(desk.ctx, { quote, terminal, reference, last4, idempotencyKey })
    if (taken.ok) return reply.redirect(`${staffPaths.cash}/card/${taken.value.orderId}`, 303)
    const values = { terminal, reference, last4 }
    const errors = errorsOf(desk.ctx, taken.error)
    if (errors) return showBill(desk, reply, id, part, { values, errors })
    if (STOPS.includes(taken.error.code))
      return showBill(desk, reply, id, part, { values, stop: t(desk.ctx.lang)('card_desk.error_stopped') })
    return deny(desk, reply, taken.error, `POST ${billPath}`)
  })

  server.get(`${staffPaths.cash}/card/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const drawer = await viewDrawer(ctx)
    if (!drawer.ok) return deny(desk, reply, drawer.error, `GET ${staffPaths.cash}/card/:id`)
    const { id } = request.params as { id: string }
    const order = isUuid(id) ? await findOrderById(ctx, id) : undefined
    const isOwn = drawer.value.session && order?.payer === windowPayer(drawer.value.session)
    if (!order || !isOwn || !order.attempts.some(a => a.channel === CARD)) return refuse(desk, reply, 404)
    const [receipt] = await listReceipts(ctx, order)
    const printHref = `/staff/orders/${order.id}/print-80`
    return pages.html(
      reply,
      cardDonePage(desk.page, {
        what: await orderText(ctx, order),
        receiptNo: receipt?.receiptNo ?? '',
        amountFen: order.paidFen,
        printHref,
      }),
    )
  })

  async function showPayouts(
    desk: Desk,
    reply: FastifyReply,
    extra: { notice?: string | undefined; refundId?: string; reference?: string; error?: string } = {},
  ): Promise<FastifyReply> {
    const { ctx } = desk
    const seen = await viewCardDesk(ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.cardPayouts}`)
    const notice = (['returned', 'gone'] as const).find(known => known === extra.notice)
    const rows = await Promise.all(
      seen.value.payouts.map(async p => {
        const order = await findOrderById(ctx, p.orderId)
        const errors = [{ field: `reference-${p.refundId}`, text: extra.error ?? '' }]
        return {
          ...p,
          text: order ? await orderText(ctx, order) : '',
          href: `/staff/orders/${p.orderId}`,
          ...(extra.error && extra.refundId === p.refundId && { typed: { reference: extra.reference ?? '', errors } }),
        }
      }),
    )
    return pages.html(reply, cardPayoutsPage(desk.page, rows, notice), extra.error ? 422 : 200)
  }
  server.get(staffPaths.cardPayouts, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? showPayouts(desk, reply, { notice: textsOf(request.query).notice }) : desk
  })
  pages.form(server, staffPaths.cardPayouts, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const values = textsOf(request.body)
    const { refund: refundId = '' } = values
    const reference = values[`reference-${refundId}`] ?? ''
    const done = await confirmCardRefund(desk.ctx, { refundId, reference })
    if (done.ok) return reply.redirect(`${staffPaths.cardPayouts}?notice=returned`, 303)
    const [error] = errorsOf(desk.ctx, done.error) ?? []
    if (error) return showPayouts(desk, reply, { refundId, reference, error: error.text })
    if (done.error.code === paymentErrors.payout_not_found.code) return reply.redirect(`${staffPaths.cardPayouts}?notice=gone`, 303)
    return deny(desk, reply, done.error, `POST ${staffPaths.cardPayouts}`)
  })
}

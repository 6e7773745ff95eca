import { type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { fail } from '#kernel/result.ts'
import {
  type BillState,
  countAskedRescues,
  findBillOfOrder,
  findRescue,
  listPostings,
  noteRead,
  postingStateOf,
} from '#modules/billing/index.ts'
import { confirmSecondFactor, signInStaff, signOut } from '#modules/identity/index.ts'
import {
  attemptStateOf,
  findOrderById,
  findRefundOffer,
  type OrderView as Order,
  orderStateOf,
  paymentErrors,
  refundStateOf,
  returnMismatch,
} from '#modules/payments/index.ts'
import { timeline } from '#modules/trail/index.ts'
import { addDebitDeskRoutes, debitLineOf } from '#web/debits/desk-routes.ts'
import { addDisputeDeskRoutes } from '#web/disputes/desk-routes.ts'
import { findPartBack } from '#web/resident/routes/money-back.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, channelName, maskedAccount, partLabel, serviceName, textsOf } from '#web/resident/routes/views.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import { yuan } from '#web/ui/format.ts'
import { type MessageKey, t } from '#web/ui/messages.ts'
import { cookieName, cookieOptions } from '#web/visit.ts'
import { addBankRoutes } from './bank/routes.ts'
import { addCardRoutes } from './card/routes.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { listFirstPage, search, stateOf } from './find.ts'
import { staffPaths } from './paths.ts'
import { orderPage, type OrderView as View } from './records.tsx'
import { addAccountRoutes } from './routes-accounts.ts'
import { addBillRoutes } from './routes-bills.ts'
import { addCashRoutes } from './routes-cash.ts'
import { addConsoleRoutes } from './routes-console.ts'
import { addDeviceRoutes } from './routes-devices.ts'
import { addMonthRoutes } from './routes-month.ts'
import { addOfflineRoutes } from './routes-offline.ts'
import { addReconciliationRoutes } from './routes-reconciliation.ts'
import { addRefundRoutes } from './routes-refunds.ts'
import { addRescueRoutes, handsOf, rescueView, waitOf } from './routes-rescues.ts'
import { addResidentRoutes } from './routes-residents.ts'
import { addRuleRoutes } from './routes-rules.ts'
import { addSettlementRoutes } from './routes-settlements.ts'
import { searchPage } from './search.tsx'
import { addShadowRoutes } from './shadow/routes.ts'
import { secondFactorPage, staffSignInPage } from './sign-in.tsx'
import { addSwitchRoutes } from './switchover/routes.ts'
import { actorName, codeName, detailOf, eventName } from './words.ts'

const SHIFT_S = 12 * 3_600

const hidden = { schema: { hide: true } }

/** The desk: sign-in with a second factor, search, and an order with everything the trail knows of it. */
export function addStaffRoutes(server: Server, pages: Pages): void {
  const { kernel, tenantId } = pages.options
  const cookie = cookieName(kernel, 'staff')

  const { enter, refuse, deny } = openDesk(pages)

  server.get(staffPaths.home, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? reply.redirect(desk.page.places?.[0]?.href ?? staffPaths.me, 303) : desk
  })
  server.get(staffPaths.signIn, hidden, async (request, reply) =>
    pages.html(
      reply,
      staffSignInPage((await pages.visit(request, reply)).page, {
        next: pages.localPath(textsOf(request.query).next, staffPaths.home),
        ...(textsOf(request.query).notice === 'enrolled' && { notice: 'enrolled' as const }),
      }),
    ),
  )
  pages.form(server, staffPaths.signIn, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { username = '', password = '', next } = textsOf(request.body)
    const back = pages.localPath(next, staffPaths.home)
    const signed = await signInStaff(visit.ctx, { username, password })
    if (!signed.ok) {
      pages.refused(visit, signed.error, 'POST /staff/sign-in')
      return pages.html(
        reply,
        staffSignInPage(visit.page, { username: username.slice(0, 60), next: back, errors: [fieldError(visit.ctx.lang, 'staffSignIn')] }),
        422,
      )
    }
    void reply.setCookie(cookie, signed.value.token, cookieOptions(kernel, SHIFT_S))
    return reply.redirect(signed.value.needsSecondFactor ? `${staffPaths.second}?next=${encodeURIComponent(back)}` : back, 303)
  })
  server.get(staffPaths.second, hidden, async (request, reply) =>
    pages.html(
      reply,
      secondFactorPage((await pages.visit(request, reply)).page, {
        challenge: '',
        next: pages.localPath(textsOf(request.query).next, staffPaths.home),
      }),
    ),
  )
  pages.form(server, staffPaths.second, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { code = '', next } = textsOf(request.body)
    const back = pages.localPath(next, staffPaths.home)
    const confirmed = await confirmSecondFactor(visit.ctx, { token: request.cookies[cookie] ?? '', code })
    if (!confirmed.ok) {
      pages.refused(visit, confirmed.error, 'POST /staff/second-factor')
      return pages.html(
        reply,
        secondFactorPage(visit.page, { challenge: '', next: back, errors: [fieldError(visit.ctx.lang, 'staffSecond')] }),
        422,
      )
    }
    void reply.setCookie(cookie, confirmed.value.token, cookieOptions(kernel, SHIFT_S))
    return reply.redirect(back, 303)
  })
  pages.form(server, staffPaths.signOut, {}, async (request, reply) => {
    const token = request.cookies[cookie]
    if (token) await signOut(kernel, tenantId, token)
    void reply.clearCookie(cookie, cookieOptions(kernel, 0))
    return reply.redirect(staffPaths.signIn, 303)
  })

  server.get(staffPaths.search, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const may = [permit(desk.ctx, 'billing.bill.read'), permit(desk.ctx, 'payments.order.read')]
    const [refused] = may.every(one => !one.ok) ? may : []
    if (refused && !refused.ok) return deny(desk, reply, refused.error, `GET ${staffPaths.search}`)
    const query = (textsOf(request.query).q ?? '').trim().slice(0, 80)
    if (!query) {
      const rescues = await countAskedRescues(desk.ctx)
      const { count, oldestAt } = rescues.ok ? rescues.value : { count: 0, oldestAt: null }
      const wait = oldestAt && waitOf(desk.ctx.lang, oldestAt, kernel.clock.now())
      const waiting = wait && { href: staffPaths.rescues, text: t(desk.ctx.lang)('staff.rescues_wait', { n: count, wait }) }
      return pages.html(reply, searchPage(desk.page, { query, ...(waiting && { waiting }), orders: await listFirstPage(desk.ctx) }))
    }
    const { rows, more } = await search(desk.ctx, query)
    const results = { rows, total: rows.length, pager: { page: 1, pages: 1 }, ...(more && { more }) }
    return pages.html(reply, searchPage(desk.page, { query, results }))
  })
  server.get('/staff/orders/:id', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const may = permit(desk.ctx, 'payments.order.read')
    if (!may.ok) return deny(desk, reply, may.error, 'GET /staff/orders/:id')
    const { id } = request.params as { id: string }
    const order = isUuid(id) ? await findOrderById(desk.ctx, id) : undefined
    if (!order) return refuse(desk, reply, 404)
    await noteRead(desk.ctx, order.id)
    return pages.html(reply, await showOrder(desk, order))
  })
  pages.form(server, '/staff/orders/:id/return', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const returned = isUuid(id) ? await returnMismatch(desk.ctx, id) : fail(paymentErrors.order_not_found)
    if (returned.ok) return reply.redirect(`/staff/orders/${id}`, 303)
    return deny(desk, reply, returned.error, 'POST /staff/orders/:id/return')
  })
  addRescueRoutes(server, pages, async (desk, reply, id, typed) => {
    const order = await findOrderById(desk.ctx, id)
    return order ? pages.html(reply, await showOrder(desk, order, typed), 422) : refuse(desk, reply, 404)
  })
  addConsoleRoutes(server, pages)
  addMonthRoutes(server, pages)
  addRefundRoutes(server, pages)
  addCashRoutes(server, pages)
  addOfflineRoutes(server, pages)
  addReconciliationRoutes(server, pages)
  addSettlementRoutes(server, pages)
  addShadowRoutes(server, pages)
  addSwitchRoutes(server, pages)
  addBankRoutes(server, pages)
  addCardRoutes(server, pages)
  addRuleRoutes(server, pages)
  addDebitDeskRoutes(server, pages)
  addDisputeDeskRoutes(server, pages)
  addBillRoutes(server, pages)
  addResidentRoutes(server, pages)
  addAccountRoutes(server, pages)
  addDeviceRoutes(server, pages)
}

/** How a try to pay ended, and whether its money went back since. */
function attemptText(lang: Lang, order: Order, attempt: Order['attempts'][number]): string {
  const state = t(lang)(`leg.${attemptStateOf(attempt.state)}`)
  const refunds = order.refunds.filter(refund => refund.attemptId === attempt.id && refundStateOf(refund.state) !== 'requested')
  if (refunds.length === 0) return state
  const part = findPartBack(order)
  if (part) return t(lang)(part.stage === 'done' ? 'staff.leg_part_refunded' : 'staff.leg_refunding', { state })
  const isBack = refunds.every(refund => refundStateOf(refund.state) === 'succeeded')
  return t(lang)(isBack ? 'staff.leg_refunded' : 'staff.leg_refunding', { state })
}

const payerKind = (payer: string): 'resident' | 'kiosk' | 'window' | 'browser' =>
  (['resident', 'kiosk', 'window'] as const).find(kind => payer.startsWith(`${kind}:`)) ?? 'browser'

/** What an order pays: its bill, or, of cash taken without network that nobody can assign, the words it came with. */
function subjectOf(
  lang: Lang,
  order: Order,
  found: BillState | undefined,
  mayReadBills: boolean,
): Pick<View, 'biller' | 'bill' | 'account'> {
  if (!found) return { biller: t(lang)('staff.none'), bill: { text: order.title }, account: { text: t(lang)('staff.none') } }
  const { bill, biller } = found
  return {
    biller: billerName(lang, biller),
    bill: {
      text: `${serviceName(lang, biller)} ${partLabel(lang, bill)}`,
      ...(mayReadBills && !bill.product && { href: `/staff/bills/${bill.id}` }),
    },
    account: { text: maskedAccount(bill.accountNo), ...(mayReadBills && !bill.product && { href: `/staff/bills/${bill.id}#bills` }) },
  }
}

async function showOrder(desk: Desk, order: Order, typed?: Parameters<typeof rescueView>[2]): Promise<string> {
  const { ctx } = desk
  const found = await findBillOfOrder(ctx, order.id)
  const { lang, kernel, tenantId } = ctx
  const entries = await timeline(kernel.db, tenantId, 'order', order.id, { limit: 200 })
  const rescue = await findRescue(ctx, order.id)
  const isOdd = order.mismatch && orderStateOf(order.state) === 'open'
  const canReturn = isOdd && permit(ctx, 'payments.refund.request').ok
  const mayReadBills = permit(ctx, 'billing.bill.read').ok
  const offer = permit(ctx, 'payments.refund.request').ok ? await findRefundOffer(ctx, order.id) : undefined
  const hasReceipt = orderStateOf(order.state) === 'paid' && !order.isPart && permit(ctx, 'billing.receipt.read').ok
  const debit = await debitLineOf(ctx, order.id)
  const oddReturn = order.place === 'window' ? 'staff.odd_return_cash' : 'staff.odd_return'
  const act = (label: MessageKey, path: string, params: { amount: string }) => ({
    label: t(lang)(label, params),
    action: `/staff/orders/${order.id}/${path}`,
    idempotencyKey: newCode(kernel.random),
    isDanger: true,
  })
  return orderPage(desk.page, {
    orderNo: order.code,
    state: stateOf(lang, order, rescue),
    amountFen: order.amountFen,
    payer: t(lang)(`staff.payer_${payerKind(order.payer)}`),
    ...subjectOf(lang, order, found, mayReadBills),
    createdAt: order.createdAt,
    ...(debit && { debit }),
    attempts: order.attempts.map(a => ({
      no: a.outTradeNo,
      party: channelName(lang, a.channel),
      state: { text: attemptText(lang, order, a) },
      amountFen: order.oddFen?.get(a.id) ?? a.amountFen,
      at: a.createdAt,
    })),
    postings: (await listPostings(ctx, order.id)).map(p => ({
      no: p.id,
      party: found ? billerName(lang, found.biller) : '',
      state: { text: t(lang)(`leg.${postingStateOf(p.state)}`) },
      amountFen: p.amountFen,
      at: p.paidAt,
    })),
    refunds: order.refunds.map(r => ({
      no: r.outRefundNo,
      party: codeName(lang, r.cause),
      state: { text: t(lang)(`leg.${refundStateOf(r.state)}`) },
      amountFen: r.amountFen,
      at: r.createdAt,
    })),
    timeline: entries.map(e => ({
      at: e.at,
      actor: actorName(lang, e.actor.kind),
      text: eventName(lang, e.type),
      detail: order.isPart ? '' : detailOf(lang, e.body),
    })),
    ...(offer?.ok && offer.value && { refundHref: `/staff/orders/${order.id}/refund` }),
    actions: canReturn
      ? [act(oddReturn, 'return', { amount: yuan([...(order.oddFen?.values() ?? [])].reduce((sum, fen) => sum + fen, 0)) })]
      : [],
    ...(rescue && { rescue: rescueView(desk, rescue, typed, (await handsOf(ctx, [rescue])).get(rescue.id)) }),
    ...(hasReceipt && { reprint: { href80: `/staff/orders/${order.id}/print-80`, hrefA4: `/staff/orders/${order.id}/print-a4` } }),
  })
}

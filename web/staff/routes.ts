import { type Ctx, type Lang, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { fail } from '#kernel/result.ts'
import {
  answerRescue,
  type BillState,
  findBillOfOrder,
  findRescue,
  listPostings,
  noteRead,
  postingStateOf,
  searchBills,
} from '#modules/billing/index.ts'
import { confirmSecondFactor, signInStaff, signOut } from '#modules/identity/index.ts'
import {
  attemptStateOf,
  findOrderByCode,
  findOrderById,
  findOrderOfAttempt,
  type OrderView as Order,
  orderStateOf,
  paymentErrors,
  readOutTradeNo,
  refundStateOf,
  returnMismatch,
} from '#modules/payments/index.ts'
import { timeline } from '#modules/trail/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, channelName, periodLabel, serviceName, textsOf } from '#web/resident/routes/views.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import { yuan } from '#web/ui/format.ts'
import { hasMessage, type MessageKey, t } from '#web/ui/messages.ts'
import { cookieName, cookieOptions } from '#web/visit.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { staffPaths } from './paths.ts'
import { orderPage } from './records.tsx'
import { addAccountRoutes } from './routes-accounts.ts'
import { type ResultRow, searchPage } from './search.tsx'
import { secondFactorPage, staffSignInPage } from './sign-in.tsx'

const SHIFT_S = 12 * 3_600

const hidden = { schema: { hide: true } }

/** The desk: sign-in with a second factor, search, and an order with everything the trail knows of it. */
export function addStaffRoutes(server: Server, pages: Pages): void {
  const { kernel, tenantId } = pages.options
  const cookie = cookieName(kernel, 'staff')

  const { enter, refuse, deny } = openDesk(pages)

  server.get(staffPaths.home, hidden, async (_request, reply) => reply.redirect(staffPaths.search, 303))
  server.get(staffPaths.signIn, hidden, async (request, reply) =>
    pages.html(
      reply,
      staffSignInPage((await pages.visit(request, reply)).page, {
        next: pages.localPath(textsOf(request.query).next, staffPaths.search),
        ...(textsOf(request.query).notice === 'enrolled' && { notice: 'enrolled' as const }),
      }),
    ),
  )
  pages.form(server, staffPaths.signIn, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { username = '', password = '', next } = textsOf(request.body)
    const back = pages.localPath(next, staffPaths.search)
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
        next: pages.localPath(textsOf(request.query).next, staffPaths.search),
      }),
    ),
  )
  pages.form(server, staffPaths.second, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { code = '', next } = textsOf(request.body)
    const back = pages.localPath(next, staffPaths.search)
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
    const query = (textsOf(request.query).q ?? '').trim().slice(0, 80)
    if (!query) return pages.html(reply, searchPage(desk.page, { query }))
    const may = permit(desk.ctx, 'billing.bill.read')
    if (!may.ok) return deny(desk, reply, may.error, `GET ${staffPaths.search}`)
    const rows = await search(desk.ctx, query)
    return pages.html(reply, searchPage(desk.page, { query, results: { rows, total: rows.length, pager: { page: 1, pages: 1 } } }))
  })
  server.get('/staff/orders/:id', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const may = permit(desk.ctx, 'payments.order.read')
    if (!may.ok) return deny(desk, reply, may.error, 'GET /staff/orders/:id')
    const { id } = request.params as { id: string }
    const order = isUuid(id) ? await findOrderById(desk.ctx, id) : undefined
    const found = order && (await findBillOfOrder(desk.ctx, order.id))
    if (found) await noteRead(desk.ctx, order.id)
    return found ? pages.html(reply, await showOrder(desk, order, found)) : refuse(desk, reply, 404)
  })
  pages.form(server, '/staff/orders/:id/rescue', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    if (!isUuid(id)) return refuse(desk, reply, 404)
    const answered = await answerRescue(desk.ctx, { orderId: id, isAgreed: true, answer: t('zh-CN')('staff.rescue_agreed') })
    if (answered.ok) return reply.redirect(`/staff/orders/${id}`, 303)
    return deny(desk, reply, answered.error, 'POST /staff/orders/:id/rescue')
  })
  pages.form(server, '/staff/orders/:id/return', {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const returned = isUuid(id) ? await returnMismatch(desk.ctx, id) : fail(paymentErrors.order_not_found)
    if (returned.ok) return reply.redirect(`/staff/orders/${id}`, 303)
    return deny(desk, reply, returned.error, 'POST /staff/orders/:id/return')
  })
  addAccountRoutes(server, pages)
}

const orderRow = (ctx: Ctx, order: Order): ResultRow => ({
  href: `/staff/orders/${order.id}`,
  kind: 'order',
  no: order.code,
  text: order.title,
  state: { text: t(ctx.lang)(`staff.state_${orderStateOf(order.state)}`) },
  amountFen: order.amountFen,
  at: order.createdAt,
})

async function search(ctx: Ctx, query: string): Promise<ResultRow[]> {
  const rows: ResultRow[] = []
  const attempt = readOutTradeNo(query)
  const order = attempt?.tenantId === ctx.tenantId ? await findOrderOfAttempt(ctx, attempt.attemptId) : await findOrderByCode(ctx, query)
  if (order) rows.push(orderRow(ctx, order))
  for (const { bill, biller, claim } of await searchBills(ctx, query)) {
    rows.push({
      href: claim ? `/staff/orders/${claim.orderId}` : `/b/${bill.code}`,
      kind: 'bill',
      no: bill.billNo,
      text: `${serviceName(ctx.lang, biller)} ${periodLabel(ctx.lang, bill.periodFrom, bill.periodTo)} ${bill.addressMask} ${bill.holderMask}`,
      state: {
        text: t(ctx.lang)(
          claim?.state === 'paid' || bill.isSettledBefore ? 'staff.state_paid' : claim ? 'staff.state_open' : 'staff.state_unpaid',
        ),
      },
      amountFen: bill.amountFen,
    })
  }
  return rows
}

async function showOrder(desk: Desk, order: Order, { bill, biller }: BillState): Promise<string> {
  const { ctx } = desk
  const { lang, kernel, tenantId } = ctx
  const entries = await timeline(kernel.db, tenantId, 'order', order.id, { limit: 200 })
  const rescue = await findRescue(ctx, order.id)
  const canAnswer = rescue?.state === 'asked' && permit(ctx, 'billing.rescue.answer').ok
  const isOdd = order.mismatch && orderStateOf(order.state) === 'open'
  const canReturn = isOdd && permit(ctx, 'payments.refund.request').ok
  const act = (label: MessageKey, path: string) => ({
    label: t(lang)(label),
    action: `/staff/orders/${order.id}/${path}`,
    idempotencyKey: newCode(kernel.random),
    isDanger: true,
  })
  return orderPage(desk.page, {
    orderNo: order.code,
    state: { text: t(lang)(isOdd ? 'staff.state_odd' : `staff.state_${orderStateOf(order.state)}`) },
    amountFen: order.amountFen,
    payer: order.payer.startsWith('resident:') ? t(lang)('staff.payer_resident') : t(lang)('staff.payer_browser'),
    biller: billerName(lang, biller),
    bill: { text: `${serviceName(lang, biller)} ${periodLabel(lang, bill.periodFrom, bill.periodTo)}`, href: `/b/${bill.code}` },
    account: { text: `**** ${bill.accountNo.slice(-4)}`, href: `${staffPaths.search}?q=${encodeURIComponent(bill.billNo)}` },
    createdAt: order.createdAt,
    attempts: order.attempts.map(a => ({
      no: a.outTradeNo,
      party: channelName(lang, a.channel),
      state: { text: t(lang)(`leg.${attemptStateOf(a.state)}`) },
      amountFen: a.amountFen,
      at: a.createdAt,
    })),
    postings: (await listPostings(ctx, order.id)).map(p => ({
      no: p.id,
      party: billerName(lang, biller),
      state: { text: t(lang)(`leg.${postingStateOf(p.state)}`) },
      amountFen: p.amountFen,
      at: p.paidAt,
    })),
    refunds: order.refunds.map(r => ({
      no: r.outRefundNo,
      party: r.cause,
      state: { text: t(lang)(`leg.${refundStateOf(r.state)}`) },
      amountFen: r.amountFen,
      at: r.createdAt,
    })),
    timeline: entries.map(e => ({
      at: e.at,
      actor: wordOf(lang, `who.${e.actor.kind}`, e.actor.kind),
      text: wordOf(lang, `event.${e.type}`, e.type),
      detail: detailOf(e.body),
    })),
    actions: [...(canAnswer ? [act('staff.rescue_agree', 'rescue')] : []), ...(canReturn ? [act('staff.odd_return', 'return')] : [])],
  })
}

/** Events of newer modules have no words here yet: their stable name is shown. */
const wordOf = (lang: Lang, key: string, otherwise: string): string => (hasMessage(key) ? t(lang)(key) : otherwise)

/** Only what a clerk can use: amounts and the numbers under which others know it. */
const SHOWN = new Set(['out_trade_no', 'txn', 'receipt_no', 'why', 'reason', 'cause', 'outcome'])

const detailOf = (body: Readonly<Record<string, unknown>>): string =>
  Object.entries(body)
    .flatMap(([key, value]) => (key === 'amount_fen' ? [yuan(Number(value))] : SHOWN.has(key) ? [String(value)] : []))
    .join(' · ')
    .slice(0, 200)

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { createStreams } from '#kernel/http/streams.ts'
import { newCode } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import type { AppError } from '#kernel/result.ts'
import { beginJourney, billingErrors, dueFen, getBill, payBills } from '#modules/billing/index.ts'
import {
  askChannel,
  attemptStateOf,
  closeOrder,
  DEBIT,
  findOrderByCode,
  listChannels,
  type OrderView,
  orderStateOf,
  paymentErrors,
} from '#modules/payments/index.ts'
import { disputeHrefOf } from '#web/disputes/routes.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { type Visit, visitErrors } from '#web/visit.ts'
import { alreadyPaidPage } from '../already-paid.tsx'
import { billPage, type WayId } from '../bill.tsx'
import { waitingPage } from '../waiting.tsx'
import { type JsapiView, jsapiPage, qrPayPage } from '../wallet.tsx'
import { openBrowserPage, staleReturnPage } from '../wechat.tsx'
import { olderHref } from './accounts.ts'
import { addAfterRoutes, showDone } from './after.ts'
import type { Pages } from './pages.ts'
import { readPart } from './parts.ts'
import { addPaymentYearRoutes } from './payment-year.ts'
import { addReceiptRoutes } from './receipts.ts'
import { addTaxInvoiceRoutes } from './tax-invoice.ts'
import { billerName, billView, channelName, partLabel, serviceName, subjectHref, textsOf } from './views.ts'
import { startInWallet } from './wallet-start.ts'
import {
  agentOf,
  askWechat,
  findMiniPayer,
  findOpenid,
  forgetOpenid,
  hasSignIn,
  isInMini,
  isInWechat,
  type Pressed,
  readReturn,
} from './wechat.ts'

/** Ways this browser can use: the wallet it runs in comes first, the other one cannot be opened from there. */
export function waysFor(tenantId: number, userAgent: string): { id: WayId }[] {
  const open = listChannels(tenantId)
  const usable = /MicroMessenger/i.test(userAgent)
    ? open.filter(c => c === 'wechat')
    : /AlipayClient/i.test(userAgent)
      ? open.filter(c => c === 'alipay')
      : open
  return usable.map(id => ({ id }))
}

const billHref = (code: string): string => `/b/${encodeURIComponent(code)}`
const codeOf = (request: FastifyRequest): string => (request.params as { code: string }).code
const bodyOf = (request: FastifyRequest): Record<string, string> => textsOf(request.body)

/** Whether another page of ours led here; a browser that does not say came by the code. */
const isFromHere = (request: FastifyRequest): boolean => request.headers['sec-fetch-site'] === 'same-origin'

async function showBill(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  code: string,
  errors?: FieldError[],
): Promise<FastifyReply> {
  const found = await getBill(visit.ctx, code, visit.payers, 'online')
  if (!found.ok) return pages.error(visit, reply, found.error)
  const { claim, bill, biller } = found.value
  const { lang } = visit.ctx
  if (claim?.state === 'open' && claim.place !== DEBIT && visit.payers.includes(claim.payer) && !errors)
    return reply.redirect(`/o/${claim.orderCode}`, 303)
  if (claim?.state === 'paid') {
    const mine = visit.payers.includes(claim.payer)
    const order = await findOrderByCode(visit.ctx, claim.orderCode)
    const channel = order?.attempts.find(a => attemptStateOf(a.state) === 'succeeded')?.channel ?? ''
    return pages.html(
      reply,
      alreadyPaidPage(visit.page, {
        service: serviceName(lang, biller),
        periodLabel: periodLabel(lang, bill.periodFrom, bill.periodTo),
        paidAt: claim.paidAt!,
        channel: channelName(lang, channel),
        amountFen: claim.amountFen,
        ...(mine && { receiptHref: `/o/${claim.orderCode}` }),
        triedNow: request.method === 'POST',
      }),
    )
  }
  await beginJourney(visit.ctx, { payer: visit.payer, billId: bill.id, place: 'phone', way: isFromHere(request) ? 'site' : 'scan' })
  const { part: typed } = textsOf(request.query)
  const disputeHref = found.value.dispute ? undefined : disputeHrefOf(found.value)
  return pages.html(
    reply,
    billPage(
      visit.page,
      billView(visit.ctx, found.value, {
        ...(typed && (await readPart(visit.ctx, found.value, typed, `/b/${code}`))),
        payAction: `/b/${code}/pay${typed ? `?part=${encodeURIComponent(typed)}` : ''}`,
        ...(disputeHref && { disputeHref }),
        olderHref: await olderHref(visit, found.value),
        idempotencyKey: newCode(visit.ctx.kernel.random),
        ways: waysFor(visit.ctx.tenantId, agentOf(request)),
        ...(isInWechat(request) && { isInWechat: true as const }),
        ...(errors && { errors }),
      }),
    ),
    errors ? 422 : 200,
  )
}

const noticeOf = (lang: Visit['ctx']['lang'], error: AppError): FieldError[] => {
  const key =
    error.code === billingErrors.quote_changed.code || error.code === billingErrors.quote_expired.code
      ? 'bill.error_changed'
      : error.code === paymentErrors.channel_not_available.code
        ? 'bill.error_channel'
        : 'bill.error_again'
  return [{ field: 'way', text: t(lang)(key) }]
}

/** Confirm. Inside WeChat the wallet asks who pays, so a browser that is not known yet goes there and comes back first. */
async function pay(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const { ctx } = visit
  const body = bodyOf(request)
  const code = codeOf(request)
  const way = waysFor(ctx.tenantId, agentOf(request)).find(w => w.id === body.way)
  if (!way) return showBill(pages, visit, request, reply, code, [fieldError(ctx.lang, 'wayMissing')])
  const pressed: Pressed = { at: billHref(code), quote: body.quote ?? '', idempotencyKey: body.idempotency_key }
  if (way.id === 'wechat' && isInMini(request))
    return place(pages, visit, request, reply, code, pressed, way.id, findMiniPayer(pages, visit, request, reply))
  if (way.id !== 'wechat' || !isInWechat(request) || body.by === 'code' || !hasSignIn(visit))
    return place(pages, visit, request, reply, code, pressed, way.id)
  if (!body.script) return reply.redirect(`/b/${code}/pay`, 303)
  const openid = findOpenid(pages, visit, request, reply)
  const away = openid ? undefined : askWechat(pages, visit, request, reply, pressed)
  return away ?? place(pages, visit, request, reply, code, pressed, way.id, openid)
}

/** How to leave WeChat. The address is the one another browser then opens: there it is the bill. */
async function showWayOut(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const back = billHref(codeOf(request))
  const found = isInWechat(request) && hasSignIn(visit) ? await getBill(visit.ctx, codeOf(request), visit.payers, 'online') : undefined
  if (!found?.ok || found.value.claim) return reply.redirect(back, 303)
  const idempotencyKey = newCode(visit.ctx.kernel.random)
  return pages.html(
    reply,
    openBrowserPage(visit.page, { billHref: back, payAction: `${back}/pay`, quote: found.value.quote, idempotencyKey }),
  )
}

/** Back from WeChat with the answer who pays, or without one. */
async function goOn(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const code = codeOf(request)
  const returned = await readReturn(pages, visit, request, reply, billHref(code))
  if (returned.kind === 'pressed') return place(pages, visit, request, reply, code, returned.pressed, 'wechat', returned.openid)
  const found = await getBill(visit.ctx, code, visit.payers, 'online')
  if (!found.ok) return pages.error(visit, reply, found.error)
  // Somebody going back in the history sees how the bill stands.
  if (found.value.claim && visit.payers.includes(found.value.claim.payer)) return reply.redirect(`/b/${code}`, 303)
  pages.refused(visit, visitErrors.return_stale, 'GET /b/:code/wechat')
  return pages.html(reply, staleReturnPage(visit.page, `/b/${code}`), visitErrors.return_stale.status)
}

/** The order, the attempt, and away to the wallet. Every repeat ends on the same order. */
async function place(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  code: string,
  pressed: Pressed,
  channel: string,
  openid?: string,
): Promise<FastifyReply> {
  const { ctx } = visit
  const placed = await payBills(ctx, {
    quote: pressed.quote,
    idempotencyKey: pressed.idempotencyKey,
    payer: visit.payer,
    place: 'phone',
  })
  if (!placed.ok) {
    pages.refused(visit, placed.error, 'POST /b/:code/pay')
    const isTaken =
      placed.error.code === billingErrors.bill_already_paid.code ||
      placed.error.code === billingErrors.bill_being_paid.code ||
      placed.error.code.startsWith('payments.subject_')
    return showBill(pages, visit, request, reply, code, isTaken ? undefined : noticeOf(ctx.lang, placed.error))
  }
  const order = `/o/${placed.value.code}`
  const started = await startInWallet(visit, request, placed.value, channel, openid)
  if (!started.ok) {
    if (started.error.code === paymentErrors.channel_not_available.code || started.error.code === paymentErrors.order_not_open.code) {
      await closeOrder(ctx, placed.value.orderId, 'not_started')
      return showBill(pages, visit, request, reply, code, noticeOf(ctx.lang, started.error))
    }
    return reply.redirect(order, 303)
  }
  if (started.value.state === 'failed') {
    if (openid) {
      // The wallet would not have this payer: the refused order is over, a code to scan needs no payer.
      forgetOpenid(pages, visit, request, reply)
      return placeByCode(pages, visit, request, reply, code, placed.value.code)
    }
    return showBill(pages, visit, request, reply, code, [{ field: 'way', text: t(ctx.lang)('bill.error_channel') }])
  }
  return reply.redirect(started.value.launch?.redirectUrl ?? order, 303)
}

/** Pays a bill anew by a code to scan, after an order for it was closed; an amount that changed meanwhile is shown first. */
async function placeByCode(
  pages: Pages,
  visit: Visit,
  request: FastifyRequest,
  reply: FastifyReply,
  bill: string,
  closedCode: string,
): Promise<FastifyReply> {
  const closed = await findOrderByCode(visit.ctx, closedCode)
  const found = await getBill(visit.ctx, bill, visit.payers, 'online')
  if (!found.ok || dueFen(found.value) !== closed?.amountFen) return reply.redirect(`/b/${bill}`, 303)
  const pressed = { at: billHref(bill), quote: found.value.quote, idempotencyKey: newCode(visit.ctx.kernel.random) }
  return place(pages, visit, request, reply, bill, pressed, 'wechat')
}

async function payByCode(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  const order = await findOrderByCode(visit.ctx, codeOf(request))
  if (!order || !visit.payers.includes(order.payer)) return pages.error(visit, reply, paymentErrors.order_not_found)
  const found = await pages.findBillOfOrder(visit, order.id)
  const became = orderStateOf(order.state) === 'open' ? await closeOrder(visit.ctx, order.id, 'by_code') : 'unknown'
  if (!found || became !== 'closed') return reply.redirect(`/o/${order.code}`, 303)
  // What was ordered is agreed to anew: its page is where that is done.
  if (found.bill.product) return reply.redirect(subjectHref(found.bill), 303)
  return placeByCode(pages, visit, request, reply, found.bill.code, order.code)
}

const openAttempt = (order: OrderView) =>
  order.attempts.find(a => ['submitted', 'pending', 'unknown', 'closing'].includes(attemptStateOf(a.state)))

async function showOrder(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const visit = await pages.visit(request, reply)
  let order = await findOrderByCode(visit.ctx, codeOf(request))
  if (!order) return pages.error(visit, reply, paymentErrors.order_not_found)
  const attempt = openAttempt(order)
  const { back, check, ...foreign } = request.query as Record<string, unknown>
  // A wallet sends its guest back with words of its own, which prove nothing: they leave the address before anything keeps it.
  if (Object.keys(foreign).length > 0) return reply.redirect(`/o/${order.code}${back || check ? '?back=1' : ''}`, 303)
  // Whoever comes here without a code to scan was in the wallet, by whatever way they left it.
  const wasAway = back || check || (attempt?.launch as { redirectUrl?: string } | null)?.redirectUrl
  let answer: Awaited<ReturnType<typeof askChannel>> = 'unknown'
  if (orderStateOf(order.state) === 'open' && visit.payers.includes(order.payer) && attempt && wasAway) {
    answer = await askChannel(visit.ctx, attempt)
    order = (await findOrderByCode(visit.ctx, order.code))!
  }
  if (!visit.payers.includes(order.payer) && orderStateOf(order.state) !== 'paid')
    return pages.error(visit, reply, paymentErrors.order_not_found)
  if (orderStateOf(order.state) === 'paid') return showDone(pages, visit, reply, order)
  const found = await pages.findBillOfOrder(visit, order.id)
  if (!found) return pages.error(visit, reply, paymentErrors.order_not_found)
  // What a bank debits has no wallet to wait for: the bill says when.
  if (orderStateOf(order.state) === 'closed' || order.place === DEBIT) return reply.redirect(subjectHref(found.bill), 303)
  return showWallet(pages, visit, reply, order, found, { isAway: !!(back || check), isUnpaid: answer === 'unpaid' || answer === 'gone' })
}

function showWallet(
  pages: Pages,
  visit: Visit,
  reply: FastifyReply,
  order: OrderView,
  found: NonNullable<Awaited<ReturnType<Pages['findBillOfOrder']>>>,
  { isAway, isUnpaid }: { isAway: boolean; isUnpaid: boolean },
): FastifyReply {
  const { lang, kernel } = visit.ctx
  const attempt = openAttempt(order)
  const base = { amountFen: order.amountFen, service: serviceName(lang, found.biller), biller: billerName(lang, found.biller) }
  const hrefs = { checkHref: `/o/${order.code}?check=1`, pollHref: `/o/${order.code}/state`, liveHref: `/o/${order.code}/live` }
  const launch = (attempt?.launch ?? {}) as { redirectUrl?: string; codeUrl?: string; jsapi?: Record<string, string> }
  if (launch.codeUrl && !isAway) {
    return pages.html(
      reply,
      qrPayPage(visit.page, {
        ...base,
        ...hrefs,
        periodLabel: partLabel(lang, found.bill),
        backHref: subjectHref(found.bill),
        codeUrl: launch.codeUrl,
        way: channelName(lang, attempt!.channel),
        expiresAt: order.expiresAt,
        cancelAction: `/o/${order.code}/cancel`,
        idempotencyKey: newCode(kernel.random),
      }),
    )
  }
  if (launch.jsapi && !isAway) {
    return pages.html(
      reply,
      jsapiPage(visit.page, {
        ...base,
        periodLabel: partLabel(lang, found.bill),
        backHref: subjectHref(found.bill),
        params: launch.jsapi as JsapiView['params'],
        ...(attempt!.product === 'mini' && { shellPath: `/pages/pay/pay?order=${order.code}` }),
        afterHref: `/o/${order.code}?back=1`,
        codeAction: `/o/${order.code}/by-code`,
        cancelAction: `/o/${order.code}/cancel`,
        idempotencyKey: newCode(kernel.random),
      }),
    )
  }
  return pages.html(
    reply,
    waitingPage(visit.page, {
      ...base,
      ...hrefs,
      orderNo: attempt?.outTradeNo ?? order.code,
      startedAt: order.createdAt,
      money: order.mismatch ? 'charged_pending' : isUnpaid ? 'not_paid' : 'unknown',
      ...(launch.redirectUrl && { payHref: launch.redirectUrl }),
      ...((launch.codeUrl || launch.jsapi) && { payHref: `/o/${order.code}` }),
      // Money that came in another amount is somebody's to decide: there is nothing left to give up.
      ...(!order.mismatch && { cancelAction: `/o/${order.code}/cancel` }),
      idempotencyKey: newCode(kernel.random),
    }),
  )
}

/** Where a page that waits for an order goes next; undefined while the order is open. */
const nextOf = (order: OrderView | undefined): { href: string } | undefined =>
  order && orderStateOf(order.state) !== 'open' ? { href: `/o/${order.code}` } : undefined

export function addPayRoutes(server: Server, pages: Pages): void {
  const streams = createStreams(server, pages.options.kernel.live)
  server.get('/b/:code', { schema: { hide: true } }, async (request, reply) =>
    showBill(pages, await pages.visit(request, reply), request, reply, codeOf(request)),
  )
  pages.form(server, '/b/:code/pay', { per_minute: 20 }, (request, reply) => pay(pages, request, reply))
  server.get('/b/:code/pay', { schema: { hide: true } }, (request, reply) => showWayOut(pages, request, reply))
  server.get('/b/:code/wechat', { schema: { hide: true } }, (request, reply) => goOn(pages, request, reply))
  pages.form(server, '/o/:code/by-code', { per_minute: 20 }, (request, reply) => payByCode(pages, request, reply))
  server.get('/o/:code', { schema: { hide: true } }, (request, reply) => showOrder(pages, request, reply))
  server.get('/o/:code/state', { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const order = await findOrderByCode(visit.ctx, codeOf(request))
    return reply.header('cache-control', 'no-store').send(nextOf(order) ?? {})
  })
  server.get('/o/:code/live', { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const order = await findOrderByCode(visit.ctx, codeOf(request))
    if (!order) return pages.error(visit, reply, paymentErrors.order_not_found)
    return streams.serve(reply, [`order:${order.id}`, ...order.attempts.map(attempt => `attempt:${attempt.id}`)], async () => {
      const next = nextOf(await findOrderByCode(visit.ctx, order.code))
      return next && { data: next, done: true }
    })
  })
  pages.form(server, '/o/:code/cancel', {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const order = await findOrderByCode(visit.ctx, codeOf(request))
    if (!order || !visit.payers.includes(order.payer)) return pages.error(visit, reply, paymentErrors.order_not_found)
    await closeOrder(visit.ctx, order.id, 'cancelled_by_payer')
    return reply.redirect(`/o/${order.code}`, 303)
  })
  addAfterRoutes(server, pages)
  addTaxInvoiceRoutes(server, pages)
  addPaymentYearRoutes(server, pages)
  addReceiptRoutes(server, pages)
}

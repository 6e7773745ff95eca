import type { FastifyReply } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { newCode } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import type { AppError } from '#kernel/result.ts'
import {
  type BillForPayer,
  beginJourney,
  billingErrors,
  dueFen,
  endJourney,
  findBillOfOrder,
  findRescue,
  findUndo,
  getBill,
  listReceipts,
  payBills,
  proveReceipt,
  undoPayment,
} from '#modules/billing/index.ts'
import { noteSlip } from '#modules/identity/index.ts'
import {
  attemptStateOf,
  closeOrder,
  findOrderByCode,
  listChannels,
  notifyUrlOf,
  type OrderView,
  orderStateOf,
  paymentErrors,
  startAttempt,
} from '#modules/payments/index.ts'
import { findMoneyBack, findPartBack } from '#web/resident/routes/money-back.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { whereToVerify } from '#web/resident/routes/receipts.ts'
import { billerName, billView, channelName, receiptView, serviceName, textsOf, verifyCodeOf } from '#web/resident/routes/views.ts'
import type { Kiosk, KioskDoor } from './door.ts'
import { kioskPaths } from './paths.ts'
import { type CheckView, checkPage, donePage, qrPage, type Way } from './pay.tsx'

/** One code at a time: an order has one open attempt, so that two wallets can never pay it both. */
const PRODUCTS = { wechat: 'native', alipay: 'precreate' } as const
const isWay = (text: string | undefined): text is Way => text === 'wechat' || text === 'alipay'

const openAttempt = (order: OrderView) =>
  order.attempts.find(a => ['submitted', 'pending', 'unknown', 'closing'].includes(attemptStateOf(a.state)))

/** What the wallet scans; nothing for an order that is being given up, or of which the channel has not answered yet. */
function codeUrlOf(order: OrderView): string | undefined {
  const attempt = openAttempt(order)
  const isOpen = attempt && attemptStateOf(attempt.state) !== 'closing' && !order.mismatch
  return isOpen ? ((attempt.launch ?? {}) as { codeUrl?: string }).codeUrl : undefined
}

/** Where a machine that waits for its order goes next; undefined while nothing changed. */
export function nextOf(order: OrderView | undefined, isUnsure = false): string | undefined {
  if (!order) return kioskPaths.resume
  if (orderStateOf(order.state) === 'paid') return kioskPaths.done
  return isUnsure && codeUrlOf(order) ? kioskPaths.pay : undefined
}

function noticeOf(error: AppError): CheckView['notice'] {
  if (error.code === billingErrors.quote_changed.code || error.code === billingErrors.quote_expired.code) return 'changed'
  return error.code === paymentErrors.channel_not_available.code ? 'channel' : 'again'
}

export function addKioskPayRoutes(server: Server, pages: Pages, door: KioskDoor): void {
  const { kernel, tenantId } = pages.options
  const ways = (): Way[] => listChannels(tenantId).filter(isWay).sort().reverse()
  const payersOf = ({ held }: Kiosk): string[] => (held ? [held.payer] : [])

  async function findBill(kiosk: Kiosk): Promise<BillForPayer | undefined> {
    const code = kiosk.held?.bill
    const found = code ? await getBill(kiosk.ctx, code, payersOf(kiosk), 'kiosk') : undefined
    return found?.ok ? found.value : undefined
  }

  async function showCheck(kiosk: Kiosk, reply: FastifyReply, notice?: CheckView['notice']): Promise<FastifyReply> {
    const { ctx, page } = kiosk
    const found = await findBill(kiosk)
    if (!found) return reply.redirect(kioskPaths.start, 303)
    const { claim } = found
    if (claim?.state === 'open' && payersOf(kiosk).includes(claim.payer) && !notice) return reply.redirect(kioskPaths.pay, 303)
    if (!claim && kiosk.held) await beginJourney(ctx, { payer: kiosk.held.payer, billId: found.bill.id, place: 'kiosk', way: 'scan' })
    const order = claim?.state === 'paid' ? await findOrderByCode(ctx, claim.orderCode) : undefined
    const channel = order?.attempts.find(a => attemptStateOf(a.state) === 'succeeded')?.channel ?? ''
    const given = { payAction: kioskPaths.pay, olderHref: '', idempotencyKey: newCode(kernel.random), ways: [] }
    return pages.html(
      reply,
      checkPage(page, {
        bill: billView(ctx, found, given),
        ways: ways(),
        ...(claim?.state === 'paid' && claim.paidAt && { paid: { at: claim.paidAt, way: channelName(ctx.lang, channel) } }),
        ...(notice && { notice }),
      }),
      notice ? 422 : 200,
    )
  }

  /** The order and its one attempt; every repeat ends on the same order. */
  async function place(kiosk: Kiosk, reply: FastifyReply, clientIp: string, pressed: { way: Way; quote: string; key: string | undefined }) {
    const { ctx, held } = kiosk
    if (!held) return reply.redirect(kioskPaths.start, 303)
    const placed = await payBills(ctx, { quote: pressed.quote, idempotencyKey: pressed.key, payer: held.payer, place: 'kiosk' })
    if (!placed.ok) {
      pages.refused({ ...kiosk.visit, ctx }, placed.error, `POST ${kioskPaths.pay}`)
      // Paid or being paid elsewhere meanwhile: the page says which.
      const isTaken = placed.error.status === 409 && noticeOf(placed.error) === 'again'
      return showCheck(kiosk, reply, isTaken ? undefined : noticeOf(placed.error))
    }
    const { orderId } = placed.value
    const started = await startAttempt(ctx, {
      orderId,
      channel: pressed.way,
      product: PRODUCTS[pressed.way],
      notifyUrl: notifyUrlOf(ctx, pressed.way),
      returnUrl: '',
      clientIp,
    })
    if (started.ok) return started.value.state === 'failed' ? showCheck(kiosk, reply, 'channel') : reply.redirect(kioskPaths.pay, 303)
    if (started.error.code === paymentErrors.channel_not_available.code) {
      await closeOrder(ctx, orderId, 'not_started')
      return showCheck(kiosk, reply, 'channel')
    }
    return reply.redirect(kioskPaths.pay, 303)
  }

  async function showQr(kiosk: Kiosk, reply: FastifyReply): Promise<FastifyReply> {
    const { ctx } = kiosk
    const { lang } = ctx
    const order = await door.findOrder(kiosk)
    const found = order && (await findBillOfOrder(ctx, order.id))
    if (!order || !found) return reply.redirect(kiosk.held?.bill ? kioskPaths.check : kioskPaths.start, 303)
    const next = nextOf(order)
    if (next) return reply.redirect(next, 303)
    const attempt = openAttempt(order)
    const way = isWay(attempt?.channel) ? attempt.channel : 'wechat'
    const codeUrl = codeUrlOf(order)
    const other = ways().find(one => one !== way)
    return pages.html(
      reply,
      qrPage(kiosk.page, {
        amountFen: order.amountFen,
        service: serviceName(lang, found.biller),
        periodLabel: periodLabel(lang, found.bill.periodFrom, found.bill.periodTo),
        biller: billerName(lang, found.biller),
        way,
        wayName: channelName(lang, way),
        expiresAt: order.expiresAt,
        ...(codeUrl && { codeUrl }),
        ...(other && { other }),
        ...(order.mismatch && { isOdd: true }),
      }),
    )
  }

  door.get(server, kioskPaths.check, (kiosk, _request, reply) => showCheck(kiosk, reply))
  door.form(server, kioskPaths.pay, async (kiosk, request, reply) => {
    const { way, quote = '', idempotency_key: key } = textsOf(request.body)
    return isWay(way) && ways().includes(way) ? place(kiosk, reply, request.ip, { way, quote, key }) : showCheck(kiosk, reply, 'channel')
  })
  door.get(server, kioskPaths.pay, (kiosk, _request, reply) => showQr(kiosk, reply))
  door.form(server, kioskPaths.cancel, async (kiosk, _request, reply) => {
    const order = await door.findOrder(kiosk)
    if (order) await closeOrder(kiosk.ctx, order.id, 'cancelled_by_payer')
    return reply.redirect(kioskPaths.resume, 303)
  })
  door.form(server, kioskPaths.other, async (kiosk, request, reply) => {
    const { way } = textsOf(request.body)
    const order = await door.findOrder(kiosk)
    const became = order ? await closeOrder(kiosk.ctx, order.id, 'by_code') : 'closed'
    const bill = became === 'closed' && isWay(way) && ways().includes(way) ? await findBill(kiosk) : undefined
    // An amount that changed meanwhile is shown first.
    const isSame = bill && dueFen(bill) === order?.amountFen
    if (!isSame || !isWay(way)) return reply.redirect(kioskPaths.resume, 303)
    return place(kiosk, reply, request.ip, { way, quote: bill.quote, key: newCode(kernel.random) })
  })
  addDone(server, pages, door)
}

function addDone(server: Server, pages: Pages, door: KioskDoor): void {
  const { kernel } = pages.options
  door.get(server, kioskPaths.done, async (kiosk, _request, reply) => {
    const { ctx } = kiosk
    const order = await door.findOrder(kiosk)
    if (!order || orderStateOf(order.state) !== 'paid') return reply.redirect(kioskPaths.resume, 303)
    const [receipt] = await listReceipts(ctx, order)
    if (!receipt) return reply.redirect(kioskPaths.start, 303)
    await endJourney(ctx, order.id)
    const proof = await proveReceipt(ctx, receipt.entryId)
    const back = findMoneyBack(order, await findRescue(ctx, order.id))
    const until = back ? undefined : findUndo(ctx, order)
    return pages.html(
      reply,
      donePage(kiosk.page, {
        paper: {
          receipt: receiptView(ctx, receipt, proof && pages.leafOf(proof), back ?? findPartBack(order)),
          verifyCode: verifyCodeOf(receipt),
          verifyAt: whereToVerify(kiosk.visit),
          printedAt: kernel.clock.now(),
        },
        wayName: channelName(ctx.lang, receipt.channel),
        isBack: !!back,
        ...(until && { undo: { until, idempotencyKey: newCode(kernel.random) } }),
      }),
    )
  })
  door.form(server, kioskPaths.undo, async (kiosk, request, reply) => {
    const order = await door.findOrder(kiosk)
    if (!order || !kiosk.held) return reply.redirect(kioskPaths.start, 303)
    const undone = await undoPayment(kiosk.ctx, {
      orderCode: order.code,
      payers: [kiosk.held.payer],
      idempotencyKey: textsOf(request.body).idempotency_key,
    })
    if (!undone.ok) pages.refused({ ...kiosk.visit, ctx: kiosk.ctx }, undone.error, `POST ${kioskPaths.undo}`)
    return reply.redirect(kioskPaths.done, 303)
  })
  door.form(server, kioskPaths.printed, async (kiosk, _request, reply) => {
    await noteSlip(kiosk.ctx, kiosk.device)
    return reply.status(204).send()
  })
}

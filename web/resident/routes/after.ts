import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { newCode } from '#kernel/id.ts'
import { addMs, dayOf } from '#kernel/time.ts'
import {
  askRescue,
  billingErrors,
  dueFen,
  endJourney,
  findBillById,
  findRescue,
  findUndo,
  givesTaxInvoices,
  listReceipts,
  proveReceipt,
  RESCUE_REASONS,
  RESCUE_WORKING_DAYS,
  type Receipt,
  type RescueReason,
  undoPayment,
} from '#modules/billing/index.ts'
import { findOrderByCode, type OrderView, orderStateOf, paymentErrors, UNDO_MS_MAX } from '#modules/payments/index.ts'
import { debitLinkOf } from '#web/debits/routes.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import type { Visit } from '#web/visit.ts'
import { donePage } from '../done.tsx'
import { wrongOutcomePage, wrongPaymentPage } from '../wrong-payment.tsx'
import { findExtraBack, findMoneyBack, findPartBack } from './money-back.ts'
import type { Pages } from './pages.ts'
import { billerName, partLabel, postedBy, postingOf, receiptView, serviceName, subjectHref, textsOf, wayBack } from './views.ts'

const codeOf = (request: FastifyRequest): string => (request.params as { code: string }).code

/** Everything the page of a paid order rests on. `seen` names what of it may change by itself. */
async function stateOf(visit: Visit, order: OrderView) {
  const receipt = (await listReceipts(visit.ctx, order))[0]
  const proof = receipt && (await proveReceipt(visit.ctx, receipt.entryId))
  const isMine = visit.payers.includes(order.payer)
  const rescue = isMine ? await findRescue(visit.ctx, order.id) : undefined
  const [back, extra, part] = [findMoneyBack(order, rescue), findExtraBack(order), findPartBack(order)]
  const isMoving = [back, extra, part].some(money => money && money.stage !== 'done') || rescue?.state === 'asked'
  const seen = [proof ? 'proved' : 'waits', rescue?.state, back?.stage, extra?.stage, part?.stage].map(part => part ?? '').join('.')
  return { receipt, proof, isMine, rescue, back, extra, part, seen, isMoving: isMoving || !proof }
}

/** Without script the page asks again while its proof is being made, not for days. */
const REFRESH_S = 2
const REFRESH_MS_MAX = 120_000
/** The proof is there within a fraction of a second. */
const FIRST_POLL_MS = 250

export async function showDone(pages: Pages, visit: Visit, reply: FastifyReply, order: OrderView): Promise<FastifyReply> {
  const { receipt, proof, isMine, rescue, back, extra, part, seen, isMoving } = await stateOf(visit, order)
  if (!receipt) return pages.error(visit, reply, paymentErrors.order_not_found)
  if (isMine) await endJourney(visit.ctx, order.id)
  const { lang, kernel } = visit.ctx
  const undo = isMine && !back ? findUndo(visit.ctx, order) : undefined
  const now = kernel.clock.now()
  const way = wayBack(lang, receipt.channel)
  const debit = isMine && !back && !receipt.bill.product ? await debitLinkOf(visit, receipt.bill.accountId) : undefined
  const rest = receipt.isPart && !back ? await findBillById(visit.ctx, receipt.bill.id) : undefined
  const isFresh = !proof && !!order.paidAt && now.getTime() - order.paidAt.getTime() < REFRESH_MS_MAX
  return pages.html(
    reply,
    donePage(visit.page, {
      receipt: receiptView(visit.ctx, receipt, proof && pages.leafOf(proof), back ?? part),
      posting: postingOf(receipt),
      postedBy: postedBy(receipt),
      heldUntil: addMs(receipt.paidAt, UNDO_MS_MAX),
      proof: proof ? 'anchored' : 'pending',
      ...(isMoving && { poll: { href: `/o/${order.code}/progress?seen=${seen}`, ...(!proof && { firstMs: FIRST_POLL_MS }) } }),
      ...(isFresh && { refreshS: REFRESH_S }),
      ...(undo && {
        undo: {
          until: undo,
          secondsLeft: Math.floor((undo.getTime() - now.getTime()) / 1000),
          secondsTotal: UNDO_MS_MAX / 1000,
          action: `/o/${order.code}/undo`,
          idempotencyKey: newCode(kernel.random),
        },
      }),
      ...(rest && !rest.claim && dueFen(rest) > 0 && { rest: { amountFen: dueFen(rest), href: `/b/${receipt.bill.code}` } }),
      ...(back && { refund: { ...back, way } }),
      ...(extra && { extra: { ...extra, way } }),
      ...(part && !back && { part: { ...part, way } }),
      ...(rescue && {
        rescue: {
          state: rescue.state,
          href: `/o/${order.code}/wrong`,
          ...(rescue.state === 'asked' && { answerBy: dayOf(rescue.dueAt) }),
          ...(rescue.answer && { answer: rescue.answer }),
        },
      }),
      links: {
        print80: `/o/${order.code}/print-80`,
        printA4: `/o/${order.code}/print-a4`,
        pdf: `/o/${order.code}/receipt.pdf`,
        json: `/o/${order.code}/receipt.json`,
        ...(isMine && !undo && !rescue && !back && { wrongPayment: `/o/${order.code}/wrong` }),
        ...(debit && !debit.isOn && { autoDebit: debit.href }),
        ...(isMine && !back && givesTaxInvoices(receipt) && { taxInvoice: `/o/${order.code}/tax-invoice` }),
        ...(isMine && back && !receipt.bill.product && { again: `/b/${receipt.bill.code}` }),
        ...(isMine && receipt.bill.product && { ordering: subjectHref(receipt.bill) }),
      },
    }),
  )
}

const paymentLine = (visit: Visit, receipt: Receipt) => ({
  service: serviceName(visit.ctx.lang, receipt.biller),
  periodLabel: partLabel(visit.ctx.lang, receipt.bill),
  biller: billerName(visit.ctx.lang, receipt.biller),
  amountFen: receipt.amountFen,
  paidAt: receipt.paidAt,
  receiptNo: receipt.receiptNo,
  accountMasked: `**** ${receipt.bill.accountNo.slice(-4)}`,
})

const OUTCOMES = { biller: 'refunding', channel: 'refunding', stuck: 'refunding', done: 'refunded' } as const

async function showWrong(
  pages: Pages,
  visit: Visit,
  reply: FastifyReply,
  code: string,
  errors?: FieldError[],
  values?: Record<string, string>,
): Promise<FastifyReply> {
  const order = await findOrderByCode(visit.ctx, code)
  if (!order || !visit.payers.includes(order.payer) || orderStateOf(order.state) !== 'paid')
    return pages.error(visit, reply, paymentErrors.order_not_found)
  const { receipt, rescue, back } = await stateOf(visit, order)
  if (!receipt) return pages.error(visit, reply, paymentErrors.order_not_found)
  const isHeld = postingOf(receipt) === 'held'
  if (rescue) {
    return pages.html(
      reply,
      wrongOutcomePage(visit.page, {
        payment: paymentLine(visit, receipt),
        requestNo: rescue.id.slice(-12).toUpperCase(),
        state: rescue.state === 'declined' ? 'refused' : back ? OUTCOMES[back.stage] : 'asked',
        ...(rescue.state === 'asked' && { answerBy: dayOf(rescue.dueAt) }),
        ...(rescue.answer && { reason: rescue.answer }),
        isHeld,
        backHref: `/o/${code}`,
      }),
    )
  }
  // The money is on its way back already: the receipt says so.
  if (back) return reply.redirect(`/o/${code}`, 303)
  return pages.html(
    reply,
    wrongPaymentPage(visit.page, {
      payment: paymentLine(visit, receipt),
      answerWithinDays: RESCUE_WORKING_DAYS,
      isHeld,
      action: `/o/${code}/wrong`,
      idempotencyKey: newCode(visit.ctx.kernel.random),
      backHref: `/o/${code}`,
      ...(values && {
        values: { ...(values.reason && { reason: values.reason as RescueReason }), ...(values.note && { note: values.note }) },
      }),
      ...(errors && { errors }),
    }),
    errors ? 422 : 200,
  )
}

const REASONS = new Set<string>(RESCUE_REASONS)

/** What can be done with a paid order: see how it stands, take it back, say it was a mistake. */
export function addAfterRoutes(server: Server, pages: Pages): void {
  const hidden = { schema: { hide: true } }
  server.get('/o/:code/progress', hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const order = await findOrderByCode(visit.ctx, codeOf(request))
    void reply.header('cache-control', 'no-store')
    if (!order || orderStateOf(order.state) !== 'paid') return reply.send({})
    const { seen } = await stateOf(visit, order)
    return reply.send(seen === textsOf(request.query).seen ? {} : { href: `/o/${order.code}` })
  })
  pages.form(server, '/o/:code/undo', {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const undone = await undoPayment(visit.ctx, {
      orderCode: codeOf(request),
      payers: visit.payers,
      idempotencyKey: textsOf(request.body).idempotency_key,
    })
    if (undone.ok) return reply.redirect(`/o/${codeOf(request)}`, 303)
    pages.refused(visit, undone.error, 'POST /o/:code/undo')
    return undone.error.code === billingErrors.undo_too_late.code
      ? reply.redirect(`/o/${codeOf(request)}/wrong`, 303)
      : pages.error(visit, reply, undone.error)
  })
  server.get('/o/:code/wrong', hidden, async (request, reply) =>
    showWrong(pages, await pages.visit(request, reply), reply, codeOf(request)),
  )
  pages.form(server, '/o/:code/wrong', {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const body = textsOf(request.body)
    if (!REASONS.has(body.reason ?? ''))
      return showWrong(pages, visit, reply, codeOf(request), [fieldError(visit.ctx.lang, 'reasonMissing')], body)
    const note = [
      body.right_account && `${t('zh-CN')('wrong.right_account')}：${body.right_account.slice(0, 40)}`,
      body.note?.slice(0, 500),
    ]
      .filter(Boolean)
      .join('\n')
    const asked = await askRescue(visit.ctx, {
      orderCode: codeOf(request),
      payers: visit.payers,
      reason: body.reason as RescueReason,
      note: note || undefined,
      idempotencyKey: body.idempotency_key,
    })
    if (!asked.ok && asked.error.code === billingErrors.given_back.code) return reply.redirect(`/o/${codeOf(request)}`, 303)
    if (!asked.ok && asked.error.code !== billingErrors.rescue_exists.code) return pages.error(visit, reply, asked.error)
    return reply.redirect(`/o/${codeOf(request)}/wrong`, 303)
  })
}

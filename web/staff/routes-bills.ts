import { permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import { type BillState, findRescue, listReceipts, noteRead, readBill } from '#modules/billing/index.ts'
import { findOrderById, orderStateOf } from '#modules/payments/index.ts'
import { timeline } from '#modules/trail/index.ts'
import { deskDisputeOf } from '#web/disputes/desk-routes.ts'
import { findMoneyBack, findPartBack } from '#web/resident/routes/money-back.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { readPast } from '#web/resident/routes/past.ts'
import { printedReceipt } from '#web/resident/routes/receipts.ts'
import { billerName, maskedAccount, serviceName } from '#web/resident/routes/views.ts'
import { isDesk, openDesk } from './desk.ts'
import { billState } from './find.ts'
import { deskBillPage } from './records.tsx'
import { actorName, detailOf, eventName } from './words.ts'

const hidden = { schema: { hide: true } }

const orderOf = ({ claim }: BillState) => claim && { no: claim.orderCode, href: `/staff/orders/${claim.orderId}` }

const PAST_SHOWN = 5
const FIRST_PRINT_MS_MAX = 10 * 60_000

/** A bill with its account, and the paper of what was paid: both for the resident who stands at the window. */
export function addBillRoutes(server: Server, pages: Pages): void {
  const { enter, refuse, deny } = openDesk(pages)
  server.get('/staff/bills/:id', hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const read = await readBill(ctx, (request.params as { id: string }).id)
    if (!read.ok) return deny(desk, reply, read.error, 'GET /staff/bills/:id')
    const { state, ofAccount, boundCount } = read.value
    const { bill, biller, claim } = state
    // Whoever paid it finds in their own list that it was looked at.
    if (claim?.state === 'paid') await noteRead(ctx, claim.orderId)
    const entries = await timeline(ctx.kernel.db, ctx.tenantId, 'bill', bill.id, { limit: 200 })
    const order = orderOf(state)
    const dispute = deskDisputeOf(ctx, state)
    const past = await readPast(ctx, bill.accountId, '', 1)
    return pages.html(
      reply,
      deskBillPage(desk.page, {
        no: bill.billNo,
        state: billState(ctx.lang, state),
        amountFen: bill.amountFen,
        periodLabel: periodLabel(ctx.lang, bill.periodFrom, bill.periodTo),
        dueOn: bill.dueOn,
        ...(order && { order }),
        accountMasked: maskedAccount(bill.accountNo),
        service: serviceName(ctx.lang, biller),
        biller: billerName(ctx.lang, biller),
        holderMasked: bill.holderMask,
        addressMasked: bill.addressMask,
        boundCount,
        ...(permit(ctx, 'billing.rule.ask').ok && { waiverHref: `/staff/bills/${bill.id}/waiver` }),
        ...(dispute && { dispute }),
        bills: ofAccount.map(one => {
          const its = orderOf(one)
          return {
            href: `/staff/bills/${one.bill.id}`,
            periodLabel: periodLabel(ctx.lang, one.bill.periodFrom, one.bill.periodTo),
            amountFen: one.bill.amountFen,
            dueOn: one.bill.dueOn,
            state: billState(ctx.lang, one),
            ...(its && { order: its }),
          }
        }),
        ...(past.total > 0 && {
          past: { rows: past.rows.slice(0, PAST_SHOWN), total: past.total, allHref: `/staff/bills/${bill.id}/past` },
        }),
        timeline: entries.map(e => ({
          at: e.at,
          actor: actorName(ctx.lang, e.actor.kind),
          text: eventName(ctx.lang, e.type),
          detail: detailOf(ctx.lang, e.body),
        })),
      }),
    )
  })
  for (const [path, paper] of [
    ['print-80', '80mm'],
    ['print-a4', 'a4'],
  ] as const) {
    server.get(`/staff/orders/:id/${path}`, hidden, async (request, reply) => {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      const { ctx, page } = desk
      const may = permit(ctx, 'billing.receipt.read')
      if (!may.ok) return deny(desk, reply, may.error, `GET /staff/orders/:id/${path}`)
      const { id } = request.params as { id: string }
      const order = isUuid(id) ? await findOrderById(ctx, id) : undefined
      const isPaid = order && orderStateOf(order.state) === 'paid' && !order.isPart
      const receipt = isPaid ? (await listReceipts(ctx, order))[0] : undefined
      if (!order || !receipt) return refuse(desk, reply, 404)
      await noteRead(ctx, order.id)
      const back = findMoneyBack(order, await findRescue(ctx, order.id)) ?? findPartBack(order)
      const found = { visit: { ...desk.visit, ctx, page }, receipt, back }
      // What a window prints for the payer who stands there is no copy.
      const now = ctx.kernel.clock.now().getTime()
      const isFirst = order.place === 'window' && !!order.paidAt && now - order.paidAt.getTime() < FIRST_PRINT_MS_MAX
      return pages.html(reply, await printedReceipt(pages, found, paper, `/staff/orders/${order.id}`, !isFirst))
    })
  }
}

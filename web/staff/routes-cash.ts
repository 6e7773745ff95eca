import type { FastifyReply } from 'fastify'
import { type Ctx, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import { parseYuan } from '#kernel/money.ts'
import type { AppError } from '#kernel/result.ts'
import {
  askCashVoid,
  type BillState,
  beginJourney,
  billingErrors,
  dueFen,
  endJourney,
  findBillById,
  findBillOfOrder,
  getBill,
  listReceipts,
  listSignals,
  payInCash,
  type Signal,
  searchBills,
  WATCH_DAYS,
} from '#modules/billing/index.ts'
import { listStaffNames } from '#modules/identity/index.ts'
import {
  closeDrawer,
  DENOMINATIONS_FEN,
  findDrawerReport,
  findOrderById,
  listDrawerSessions,
  openDrawer,
  paymentErrors,
  payOutCash,
  type SessionReport,
  viewDrawer,
  windowPayer,
} from '#modules/payments/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { partsView, readPart } from '#web/resident/routes/parts.ts'
import { billerName, maskedAccount, serviceName, textsOf } from '#web/resident/routes/views.ts'
import { yuan } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { type MessageKey, t } from '#web/ui/messages.ts'
import { askVoidPage, CASH_NOTICES, cashBillPage, cashDeskPage, cashDonePage, closeDrawerPage, openDrawerPage } from './cash.tsx'
import { type Desk, isDesk, openDesk } from './desk.ts'
import { orderText } from './find.ts'
import { staffPaths } from './paths.ts'
import { type TurnView, turnPage, turnsPage } from './turns.tsx'
import { codeName } from './words.ts'

const whatOf = (ctx: Ctx, { bill, biller }: BillState): string =>
  `${serviceName(ctx.lang, biller)} ${periodLabel(ctx.lang, bill.periodFrom, bill.periodTo)}`
const billHref = (billId: string): string => `${staffPaths.cash}/bills/${billId}`

/** A scanner types the whole address that stands in the code. */
const scanned = (typed: string): string => /\/b\/([0-9a-z]{20,40})/.exec(typed)?.[1] ?? typed

const pct = (share: number): string => `${(share * 100).toFixed(1)}%`

/** What stands out, with the figures it rests on. */
const signalText = (lang: Ctx['lang'], s: Signal): string =>
  s.kind === 'short'
    ? t(lang)('watch.short', { days: WATCH_DAYS, amount: yuan(s.seen), turns: s.of, usual: yuan(Math.round(s.usual)) })
    : t(lang)(`watch.${s.kind}`, { days: WATCH_DAYS, n: s.seen, of: s.of, share: pct(s.seen / s.of), usual: pct(s.usual) })

const turnOf = (names: ReadonlyMap<string, string>, { session: s, taken, paidOut, movedFen, handedOverFen }: SessionReport): TurnView => ({
  ...{ drawer: s.drawer, cashier: names.get(s.cashierId) ?? '', openedAt: s.openedAt, openingFen: s.openingFen, movedFen, taken, paidOut },
  ...(handedOverFen !== undefined && { handedOverFen }),
  ...(s.closedAt && { closedAt: s.closedAt }),
  ...(s.expectedFen !== null && { expectedFen: s.expectedFen }),
  ...(s.countedFen !== null && { countedFen: s.countedFen }),
  href: `${staffPaths.cash}/turns/${s.id}`,
})

/** Cash at the window: a drawer, bills, change, voids, and the count at the end. */
export function addCashRoutes(server: Server, pages: Pages): void {
  const { enter, deny, refuse } = openDesk(pages)
  const { kernel } = pages.options
  const hidden = { schema: { hide: true } } as const
  const denominations = DENOMINATIONS_FEN

  const errorsOf = (ctx: Ctx, error: AppError): FieldError[] | undefined => {
    const say = (key: MessageKey) => t(ctx.lang)(key)
    switch (error.code) {
      case paymentErrors.drawer_name.code:
        return [{ field: 'drawer', text: say('cash.error_drawer') }]
      case paymentErrors.drawer_taken.code:
        return [{ field: 'drawer', text: say('cash.error_drawer_taken') }]
      case paymentErrors.count_malformed.code:
        return [{ field: error.field ?? 'd10000', text: say('cash.error_count') }]
      case paymentErrors.tendered_too_small.code:
        return [{ field: 'tendered', text: t(ctx.lang)('cash.error_tendered', { amount: yuan(Number(error.params?.amount ?? 0)) }) }]
      case paymentErrors.reason_missing.code:
        return [{ field: 'reason', text: say('cash.error_reason') }]
      case billingErrors.quote_changed.code:
      case billingErrors.quote_expired.code:
        return [{ field: 'tendered', text: say('cash.error_changed') }]
      default:
        return undefined
    }
  }

  async function showDesk(desk: Desk, reply: FastifyReply, query: Record<string, string>): Promise<FastifyReply> {
    const { ctx } = desk
    const seen = await viewDrawer(ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.cash}`)
    const { session, lastDrawer = '', moves, taken, payouts } = seen.value
    if (!session) return pages.html(reply, openDrawerPage(desk.page, { drawer: lastDrawer, denominations }))
    const typed = (query.q ?? '').trim().slice(0, 400)
    const bills = typed
      ? (await searchBills(ctx, scanned(typed))).filter(b => b.claim?.state !== 'paid' && !b.bill.isSettledBefore && !b.bill.withdrawnAt)
      : []
    if (bills.length === 1) return reply.redirect(billHref(bills[0]!.bill.id), 303)
    const textOf = async (orderId: string) => {
      const order = await findOrderById(ctx, orderId)
      const of = order && (await findBillOfOrder(ctx, orderId))
      return order ? `${await orderText(ctx, order)}${of ? ` · ${maskedAccount(of.bill.accountNo)}` : ''}` : ''
    }
    const notice = CASH_NOTICES.find(known => known === query.notice)
    return pages.html(
      reply,
      cashDeskPage(desk.page, {
        drawer: session.drawer,
        openedAt: session.openedAt,
        taken,
        query: typed,
        ...(typed && {
          found: bills.map(b => ({
            href: billHref(b.bill.id),
            no: b.bill.billNo,
            text: whatOf(ctx, b),
            account: maskedAccount(b.bill.accountNo),
            dueOn: b.bill.dueOn,
            amountFen: dueFen(b),
          })),
        }),
        moves: await Promise.all(
          moves.map(async m => ({
            seq: m.seq,
            href: `/staff/orders/${m.orderId}`,
            text: await textOf(m.orderId),
            at: m.movedAt,
            amountFen: m.amountFen,
            ...(m.isOdd && { isOdd: true }),
            ...(m.amountFen > 0 &&
              (m.voided === 'asked' || m.voided === 'agreed'
                ? { voided: m.voided }
                : { voidHref: `${staffPaths.cash}/void/${m.orderId}` })),
          })),
        ),
        payouts: await Promise.all(
          payouts.map(async p => ({
            refundId: p.refundId,
            href: `/staff/orders/${p.orderId}`,
            text: await textOf(p.orderId),
            cause: codeName(ctx.lang, p.cause),
            amountFen: p.amountFen,
          })),
        ),
        ...(notice && { notice }),
      }),
    )
  }

  async function showBill(
    desk: Desk,
    reply: FastifyReply,
    billId: string,
    { part, ...typed }: { part?: string | undefined; tendered?: string; errors?: FieldError[] },
  ): Promise<FastifyReply> {
    const { ctx } = desk
    const seen = await viewDrawer(ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.cash}/bills/:id`)
    if (!seen.value.session) return reply.redirect(staffPaths.cash, 303)
    const known = isUuid(billId) ? await findBillById(ctx, billId) : undefined
    const found = known && (await getBill(ctx, known.bill.code, [windowPayer(seen.value.session)]))
    if (!found?.ok) return refuse(desk, reply, 404)
    const { bill, biller, lateFeeFen, checks } = found.value
    const say = t(ctx.lang)
    const query = part ? `?part=${encodeURIComponent(part)}` : ''
    const asked = part ? await readPart(ctx, found.value, part, billHref(bill.id)) : undefined
    const stop = checks.find(check => check.level === 'stop')
    if (!stop) await beginJourney(ctx, { payer: windowPayer(seen.value.session), billId: bill.id, place: 'window', way: 'desk' })
    return pages.html(
      reply,
      cashBillPage(desk.page, {
        what: whatOf(ctx, found.value),
        biller: billerName(ctx.lang, biller),
        holder: [bill.holderMask, bill.addressMask].filter(Boolean).join('，'),
        account: maskedAccount(bill.accountNo),
        amountFen: dueFen(found.value),
        lateFeeFen,
        ...partsView(found.value, billHref(bill.id)),
        dueOn: bill.dueOn,
        ...(permit(ctx, 'billing.bill.read').ok && { linesHref: `/staff/bills/${bill.id}` }),
        warnings: checks.flatMap(({ key }) =>
          key === 'older_open'
            ? [{ text: say('cash.warn_older'), href: `${staffPaths.cash}?q=${bill.accountNo}` }]
            : key === 'disputed' || key === 'correcting'
              ? [{ text: say(`precheck.${key}`) }]
              : [],
        ),
        ...(stop && {
          stop: say(
            stop.key === 'paid'
              ? 'cash.stop_paid'
              : stop.key === 'paying_odd'
                ? 'precheck.being_decided'
                : stop.key === 'paying'
                  ? 'cash.stop_paying'
                  : stop.key === 'debiting'
                    ? 'cash.stop_debit'
                    : 'cash.stop_other',
          ),
        }),
        action: `${billHref(bill.id)}${query}`,
        cardHref: `${billHref(bill.id)}/card${query}`,
        quote: found.value.quote,
        idempotencyKey: newCode(kernel.random),
        ...asked,
        ...typed,
      }),
      typed.errors || asked?.errors ? 422 : 200,
    )
  }

  server.get(staffPaths.cash, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? showDesk(desk, reply, textsOf(request.query)) : desk
  })
  pages.form(server, staffPaths.cashOpen, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const values = textsOf(request.body)
    const opened = await openDrawer(desk.ctx, { drawer: values.drawer ?? '', pieces: values })
    if (opened.ok) return reply.redirect(`${staffPaths.cash}?notice=opened`, 303)
    const errors = errorsOf(desk.ctx, opened.error)
    if (!errors) return deny(desk, reply, opened.error, `POST ${staffPaths.cashOpen}`)
    return pages.html(reply, openDrawerPage(desk.page, { drawer: values.drawer ?? '', denominations, values, errors }), 422)
  })

  server.get(`${staffPaths.cash}/bills/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? showBill(desk, reply, (request.params as { id: string }).id, textsOf(request.query)) : desk
  })
  pages.form(server, `${staffPaths.cash}/bills/:id`, { per_minute: 120 }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const place = `POST ${staffPaths.cash}/bills/:id`
    const { id } = request.params as { id: string }
    const may = permit(ctx, 'payments.cash.collect')
    if (!may.ok) return deny(desk, reply, may.error, place)
    const { part } = textsOf(request.query)
    const { quote = '', tendered = '', idempotency_key: idempotencyKey } = textsOf(request.body)
    const amount = parseYuan(tendered)
    if (!amount.ok)
      return showBill(desk, reply, id, { part, tendered, errors: [{ field: 'tendered', text: t(ctx.lang)('cash.error_amount') }] })
    const taken = await payInCash(ctx, { quote, tenderedFen: amount.value, idempotencyKey })
    if (taken.ok) return reply.redirect(`${staffPaths.cash}/done/${taken.value.orderId}`, 303)
    const errors = errorsOf(ctx, taken.error)
    if (errors) return showBill(desk, reply, id, { part, tendered, errors })
    // Paid or being paid elsewhere meanwhile: the page says which.
    const stops: string[] = [
      billingErrors.bill_already_paid.code,
      billingErrors.bill_being_paid.code,
      paymentErrors.subject_already_paid.code,
      paymentErrors.subject_being_paid.code,
    ]
    if (stops.includes(taken.error.code)) return showBill(desk, reply, id, {})
    return deny(desk, reply, taken.error, place)
  })

  server.get(`${staffPaths.cash}/done/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const seen = await viewDrawer(ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.cash}/done/:id`)
    const { id } = request.params as { id: string }
    const move = seen.value.moves.find(m => m.orderId === id && m.refundId === null)
    const order = move && (await findOrderById(ctx, id))
    if (!order) return refuse(desk, reply, 404)
    const [receipt] = await listReceipts(ctx, order)
    await endJourney(ctx, order.id)
    const tenderedFen = move.tenderedFen ?? move.amountFen
    const of = receipt?.isPart ? await findBillOfOrder(ctx, order.id) : undefined
    return pages.html(
      reply,
      cashDonePage(desk.page, {
        what: await orderText(ctx, order),
        amountFen: move.amountFen,
        tenderedFen,
        changeFen: tenderedFen - move.amountFen,
        receiptNo: receipt?.receiptNo ?? '',
        ...(of && dueFen(of) > 0 && { leftFen: dueFen(of) }),
        printHref: `/staff/orders/${order.id}/print-80`,
        orderHref: `/staff/orders/${order.id}`,
      }),
    )
  })

  pages.form(server, staffPaths.cashPayout, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const paid = await payOutCash(desk.ctx, textsOf(request.body).refund ?? '')
    if (paid.ok) return reply.redirect(`${staffPaths.cash}?notice=paid_out`, 303)
    if (paid.error.code !== paymentErrors.payout_not_found.code) return deny(desk, reply, paid.error, `POST ${staffPaths.cashPayout}`)
    pages.refused({ ...desk.visit, ctx: desk.ctx }, paid.error, `POST ${staffPaths.cashPayout}`)
    return reply.redirect(`${staffPaths.cash}?notice=payout_gone`, 303)
  })

  async function showVoid(
    desk: Desk,
    reply: FastifyReply,
    id: string,
    typed?: { reason: string; errors: FieldError[] },
  ): Promise<FastifyReply> {
    const seen = await viewDrawer(desk.ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.cash}/void/:id`)
    const order = isUuid(id) ? await findOrderById(desk.ctx, id) : undefined
    const isOwn = seen.value.session && order?.payer === windowPayer(seen.value.session)
    if (!order || !isOwn) return refuse(desk, reply, 404)
    const view = { what: await orderText(desk.ctx, order), amountFen: order.paidFen, action: `${staffPaths.cash}/void/${id}`, ...typed }
    return pages.html(reply, askVoidPage(desk.page, view), typed ? 422 : 200)
  }
  server.get(`${staffPaths.cash}/void/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? showVoid(desk, reply, (request.params as { id: string }).id) : desk
  })
  pages.form(server, `${staffPaths.cash}/void/:id`, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { id } = request.params as { id: string }
    const { reason = '' } = textsOf(request.body)
    const asked = await askCashVoid(desk.ctx, { orderId: id, reason })
    if (asked.ok) return reply.redirect(`${staffPaths.cash}?notice=void_asked`, 303)
    const errors = errorsOf(desk.ctx, asked.error)
    return errors ? showVoid(desk, reply, id, { reason, errors }) : deny(desk, reply, asked.error, `POST ${staffPaths.cash}/void/:id`)
  })

  async function showClose(
    desk: Desk,
    reply: FastifyReply,
    typed?: { values: Record<string, string>; errors: FieldError[] },
  ): Promise<FastifyReply> {
    const seen = await viewDrawer(desk.ctx)
    if (!seen.ok) return deny(desk, reply, seen.error, `GET ${staffPaths.cashClose}`)
    const { session, payouts } = seen.value
    if (!session) return reply.redirect(staffPaths.cash, 303)
    const view = { drawer: session.drawer, payouts: payouts.length, denominations, ...typed }
    return pages.html(reply, closeDrawerPage(desk.page, view), typed ? 422 : 200)
  }
  server.get(staffPaths.cashClose, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    return isDesk(desk) ? showClose(desk, reply) : desk
  })
  pages.form(server, staffPaths.cashClose, {}, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const values = textsOf(request.body)
    const closed = await closeDrawer(desk.ctx, { pieces: values })
    if (closed.ok) return reply.redirect(`${staffPaths.cash}/turns/${closed.value.session.id}`, 303)
    const errors = errorsOf(desk.ctx, closed.error)
    return errors ? showClose(desk, reply, { values, errors }) : deny(desk, reply, closed.error, `POST ${staffPaths.cashClose}`)
  })

  server.get(`${staffPaths.cash}/turns/:id`, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const report = await findDrawerReport(desk.ctx, (request.params as { id: string }).id)
    if (!report.ok)
      return report.error.status === 409 ? refuse(desk, reply, 404) : deny(desk, reply, report.error, `GET ${staffPaths.cash}/turns/:id`)
    const names = await listStaffNames(desk.ctx, [report.value.session.cashierId])
    return pages.html(reply, turnPage(desk.page, turnOf(names, report.value)))
  })
  server.get(staffPaths.turns, hidden, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const reports = await listDrawerSessions(desk.ctx)
    if (!reports.ok) return deny(desk, reply, reports.error, `GET ${staffPaths.turns}`)
    const signals = await listSignals(desk.ctx)
    if (!signals.ok) return deny(desk, reply, signals.error, `GET ${staffPaths.turns}`)
    const who = [...reports.value.map(r => r.session.cashierId), ...signals.value.map(s => s.clerkId)]
    const names = await listStaffNames(desk.ctx, [...new Set(who)])
    return pages.html(
      reply,
      turnsPage(
        desk.page,
        reports.value.map(r => turnOf(names, r)),
        signals.value.map(s => ({ cashier: names.get(s.clerkId) ?? '', text: signalText(desk.ctx.lang, s) })),
      ),
    )
  })
}

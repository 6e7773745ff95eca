import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { periodLabel } from '#kernel/labels.ts'
import { AppFailure, catching, type ErrorCode, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { type OrderLineInput, type PlacedOrder, placeOrder } from '#modules/payments/index.ts'
import { applyPart, partRange } from '../dues.ts'
import { errors } from '../errors.ts'
import type { PrecheckKey } from '../model.ts'
import type { Feature } from '../switchover/model.ts'
import { requireOn } from '../switchover/service.ts'
import { type BillState, examine, hasOlderOpen } from './bills.ts'
import { confirmJourney } from './journeys.ts'
import { makeQuote, type QuoteItem, quoteItem, readQuote } from './quotes.ts'

export interface PayBills {
  /** Signed quote from the page; amounts are taken from here and checked against the bills as they are now. */
  readonly quote: string
  readonly idempotencyKey: string | undefined
  readonly payer: string
  readonly place: 'phone' | 'kiosk' | 'window' | 'debit' | 'prepaid'
  /** For a debit, which takes the bank a day or two. */
  readonly expiresAt?: Date
}

const STOPS: Partial<Record<PrecheckKey, ErrorCode>> = {
  paid: errors.bill_already_paid,
  paying: errors.bill_being_paid,
  paying_odd: errors.bill_being_paid,
  debiting: errors.bill_being_paid,
  withdrawn: errors.bill_withdrawn,
  closed: errors.account_closed,
}

/**
 * Opens one order for the bills of a quote. Repeating it with the same key gives the same order. The pre-check runs again
 * here: what was true when the page was made may have changed.
 */
export async function payBills(ctx: Ctx, input: PayBills): Promise<Result<PlacedOrder>> {
  const quote = readQuote(ctx, input.quote)
  if (!quote.ok) return quote
  const done = await catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(
        await once(
          tx,
          ctx,
          { scope: 'billing.pay', key: input.idempotencyKey, input: { quote: input.quote, payer: input.payer } },
          async () => unwrap(await openOrder(tx, ctx, quote.value.items, input)),
        ),
      ),
    ),
  )
  return done
}

/** What is paid, as wallets, banks and receipts show it: 水费 2026年9–10月. */
const titleOf = (bill: BillState['bill'], biller: BillState['biller']): string =>
  `${biller.serviceZh} ${periodLabel('zh-CN', bill.periodFrom, bill.periodTo)}`

/** Lines of an order that pays principal and late fee of a bill. */
export function linesFor(
  { bill, biller }: Pick<BillState, 'bill' | 'biller'>,
  { principalFen, lateFeeFen }: { readonly principalFen: number; readonly lateFeeFen: number },
  isPart: boolean,
): OrderLineInput[] {
  const line = { subjectId: bill.id, payeeAccountId: biller.payableAccountId, title: titleOf(bill, biller), isPart }
  return [
    { ...line, subjectKind: 'bill', amountFen: principalFen },
    { ...line, subjectKind: 'late_fee', amountFen: lateFeeFen },
  ].filter(({ amountFen }) => amountFen > 0)
}

/** What a part the payer chose goes to, where the biller takes it: enough of it, and of the oldest bill where that is its rule. */
export async function offerPart(tx: Tx, ctx: Ctx, state: BillState, partFen: number): Promise<Result<QuoteItem>> {
  const range = partRange(state, state.rule)
  if (!range) return fail(errors.part_not_taken, undefined, 'part')
  if (!Number.isSafeInteger(partFen) || partFen < range.minFen || partFen > range.maxFen)
    return fail(errors.part_out_of_range, { min: range.minFen, max: range.maxFen }, 'part')
  if (state.biller.config.partial_payment === 'oldest_first' && (await hasOlderOpen(tx, ctx, state.bill)))
    return fail(errors.part_not_oldest, undefined, 'part')
  const { principalFen, lateFeeFen } = applyPart(partFen, state, state.rule)
  return ok({ billId: state.bill.id, amountFen: principalFen, lateFeeFen, isPart: true })
}

/** A quote for a part of a bill that is shown to somebody. */
export async function quotePart(
  ctx: Ctx,
  state: BillState,
  partFen: number,
): Promise<Result<{ readonly item: QuoteItem; readonly quote: string }>> {
  const item = await ctx.kernel.db.read(ctx.tenantId, tx => offerPart(tx, ctx, state, partFen))
  return item.ok ? ok({ item: item.value, quote: makeQuote(ctx, [item.value]) }) : item
}

/** What has to be on where somebody begins to pay. */
const FEATURE_AT: Partial<Record<PayBills['place'], Feature>> = { phone: 'online', kiosk: 'kiosk' }

export async function openOrder(
  tx: Tx,
  ctx: Ctx,
  items: readonly QuoteItem[],
  input: Pick<PayBills, 'payer' | 'place' | 'expiresAt'>,
): Promise<Result<PlacedOrder>> {
  const states = await examine(
    tx,
    ctx,
    items.map(i => i.billId),
    [input.payer],
  )
  if (states.length !== items.length) return fail(errors.bill_not_found)
  const lines: OrderLineInput[] = []
  for (const state of states) {
    const { bill, checks, claim } = state
    const stop = checks.find(check => check.level === 'stop')
    if (stop)
      throw new AppFailure(
        fail(STOPS[stop.key] ?? errors.bill_not_found, { bill: bill.code, ...(claim && { order: claim.orderCode }) }).error,
      )
    const feature = FEATURE_AT[input.place]
    if (feature) await requireOn(tx, ctx, feature, bill.accountId)
    const item = items.find(i => i.billId === bill.id)!
    const now = item.isPart ? unwrap(await offerPart(tx, ctx, state, item.amountFen + item.lateFeeFen)) : quoteItem(state)
    if (item.amountFen !== now.amountFen || item.lateFeeFen !== now.lateFeeFen) return fail(errors.quote_changed, { bill: bill.code })
    lines.push(...linesFor(state, { principalFen: now.amountFen, lateFeeFen: now.lateFeeFen }, now.isPart ?? state.parts.length > 0))
  }
  const first = states[0]!
  const title = states.length === 1 ? titleOf(first.bill, first.biller) : `${first.biller.serviceZh}等${states.length}笔账单`
  const placed = await placeOrder(tx, ctx, {
    lines,
    title,
    payer: input.payer,
    place: input.place,
    ...(input.expiresAt && { expiresAt: input.expiresAt }),
    after: states.flatMap(state => state.parts.map(part => part.orderId)),
  })
  if (!placed.ok) return placed
  await confirmJourney(
    tx,
    ctx,
    input.payer,
    states.map(state => state.bill.id),
    placed.value.orderId,
  )
  return ok(placed.value)
}

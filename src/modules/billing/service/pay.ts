import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { AppFailure, catching, type ErrorCode, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { type OrderLineInput, type PlacedOrder, placeOrder } from '#modules/payments/index.ts'
import { errors } from '../errors.ts'
import type { PrecheckKey } from '../model.ts'
import { examine } from './bills.ts'
import { confirmJourney } from './journeys.ts'
import { readQuote } from './quotes.ts'

export interface PayBills {
  /** Signed quote from the page; amounts are taken from here and checked against the bills as they are now. */
  readonly quote: string
  readonly idempotencyKey: string | undefined
  readonly payer: string
  readonly place: 'phone' | 'kiosk' | 'window' | 'debit'
  /** For a debit, which takes the bank a day or two. */
  readonly expiresAt?: Date
}

const STOPS: Partial<Record<PrecheckKey, ErrorCode>> = {
  paid: errors.bill_already_paid,
  paying: errors.bill_being_paid,
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

export async function openOrder(
  tx: Tx,
  ctx: Ctx,
  items: readonly { billId: string; amountFen: number; lateFeeFen: number }[],
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
  for (const { bill, biller, lateFeeFen, checks, claim } of states) {
    const stop = checks.find(check => check.level === 'stop')
    if (stop)
      throw new AppFailure(
        fail(STOPS[stop.key] ?? errors.bill_not_found, { bill: bill.code, ...(claim && { order: claim.orderCode }) }).error,
      )
    const item = items.find(i => i.billId === bill.id)!
    if (item.amountFen !== bill.amountFen || item.lateFeeFen !== lateFeeFen) return fail(errors.quote_changed, { bill: bill.code })
    const line = { subjectId: bill.id, payeeAccountId: biller.payableAccountId, title: `${biller.serviceZh} ${bill.periodTo}` }
    lines.push({ ...line, subjectKind: 'bill', amountFen: bill.amountFen })
    if (lateFeeFen > 0) lines.push({ ...line, subjectKind: 'late_fee', amountFen: lateFeeFen })
  }
  const first = states[0]!
  const title =
    states.length === 1 ? `${first.biller.serviceZh} ${first.bill.periodTo}` : `${first.biller.serviceZh}等${states.length}笔账单`
  const placed = await placeOrder(tx, ctx, {
    lines,
    title,
    payer: input.payer,
    place: input.place,
    ...(input.expiresAt && { expiresAt: input.expiresAt }),
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

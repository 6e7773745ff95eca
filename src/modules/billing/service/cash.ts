import { type Ctx, permit } from '#kernel/context.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, type Result, unwrap } from '#kernel/result.ts'
import {
  askVoid,
  type CashTaken,
  findOrderById,
  paymentErrors,
  payOrderInCash,
  refundOrder,
  settleVoid,
  viewDrawer,
  windowPayer,
} from '#modules/payments/index.ts'
import { openOrder } from './pay.ts'
import { holdPostings } from './postings.ts'
import { readQuote } from './quotes.ts'
import { issueReceipts } from './receipts.ts'

/**
 * Cash at the window: the order, the money in the drawer and the booking are one transaction. The same form sent twice takes the
 * money once.
 */
export async function payInCash(
  ctx: Ctx,
  input: { readonly quote: string; readonly tenderedFen: number; readonly idempotencyKey: string | undefined },
): Promise<Result<CashTaken>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  const quote = readQuote(ctx, input.quote)
  if (!quote.ok) return quote
  const drawer = await viewDrawer(ctx)
  if (!drawer.ok) return drawer
  if (!drawer.value.session) return fail(paymentErrors.no_open_drawer)
  const payer = windowPayer(drawer.value.session)
  const { tenderedFen } = input
  const call = { scope: 'billing.cash', key: input.idempotencyKey, input: { quote: input.quote, tenderedFen, payer } }
  const taken = await catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(
        await once(tx, ctx, call, async () => {
          const given = { quote: input.quote, idempotencyKey: input.idempotencyKey, payer, place: 'window' as const }
          const { orderId } = unwrap(await openOrder(tx, ctx, quote.value.items, given))
          return payOrderInCash(tx, ctx, { orderId, tenderedFen })
        }),
      ),
    ),
  )
  if (!taken.ok) return taken
  const order = await findOrderById(ctx, taken.value.orderId)
  if (order) await ctx.kernel.db.tx(ctx.tenantId, tx => issueReceipts(tx, ctx, order))
  return taken
}

/** A cashier asks to void a payment of the own open turn, while the biller has not been told of it. */
export async function askCashVoid(ctx: Ctx, input: { readonly orderId: string; readonly reason: string }): Promise<Result<void>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  return catching(() => ctx.kernel.db.tx(ctx.tenantId, tx => askVoid(tx, ctx, input)))
}

/** The second person's answer. Agreed: the biller is never told, the bill is open again, and the cashier pays the money out. */
export async function decideCashVoid(ctx: Ctx, input: { readonly orderId: string; readonly isAgreed: boolean }): Promise<Result<void>> {
  const allowed = permit(ctx, 'payments.refund.approve')
  if (!allowed.ok) return allowed
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      await settleVoid(tx, ctx, input)
      if (!input.isAgreed) return
      if (!(await holdPostings(tx, ctx, input.orderId))) return unwrap(fail(paymentErrors.void_too_late))
      unwrap(await refundOrder(tx, ctx, input.orderId, 'voided'))
    }),
  )
}

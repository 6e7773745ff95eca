import { type Ctx, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, type Result, unwrap } from '#kernel/result.ts'
import {
  askVoid,
  type CardTaken,
  type CashTaken,
  findOrderById,
  paymentErrors,
  payOrderByCard,
  payOrderInCash,
  refundOrder,
  type Slip,
  settleVoid,
  viewDrawer,
  windowPayer,
} from '#modules/payments/index.ts'
import { openOrder } from './pay.ts'
import { holdPostings } from './postings.ts'
import { readQuote } from './quotes.ts'
import { issueReceipts } from './receipts.ts'

/** What a cashier with an open turn does to be paid: the order, the money and the booking are one transaction, the same form once. */
async function takeAtWindow<T extends { readonly orderId: string }>(
  ctx: Ctx,
  input: { readonly quote: string; readonly idempotencyKey: string | undefined },
  how: { readonly scope: string; readonly said: object; readonly pay: (tx: Tx, orderId: string) => Promise<T> },
): Promise<Result<T>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  const quote = readQuote(ctx, input.quote)
  if (!quote.ok) return quote
  const drawer = await viewDrawer(ctx)
  if (!drawer.ok) return drawer
  if (!drawer.value.session) return fail(paymentErrors.no_open_drawer)
  const payer = windowPayer(drawer.value.session)
  const call = { scope: how.scope, key: input.idempotencyKey, input: { quote: input.quote, ...how.said, payer } }
  const taken = await catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(
        await once(tx, ctx, call, async () => {
          const given = { quote: input.quote, idempotencyKey: input.idempotencyKey, payer, place: 'window' as const }
          const { orderId } = unwrap(await openOrder(tx, ctx, quote.value.items, given))
          return how.pay(tx, orderId)
        }),
      ),
    ),
  )
  if (!taken.ok) return taken
  const order = await findOrderById(ctx, taken.value.orderId)
  if (order) await ctx.kernel.db.tx(ctx.tenantId, tx => issueReceipts(tx, ctx, order))
  return taken
}

/** Cash at the window. */
export const payInCash = (
  ctx: Ctx,
  input: { readonly quote: string; readonly tenderedFen: number; readonly idempotencyKey: string | undefined },
): Promise<Result<CashTaken>> => {
  const { tenderedFen } = input
  const pay = (tx: Tx, orderId: string) => payOrderInCash(tx, ctx, { orderId, tenderedFen })
  return takeAtWindow(ctx, input, { scope: 'billing.cash', said: { tenderedFen }, pay })
}

/** A card taken on the terminal beside the desk, by what its slip says. */
export const payByCard = (
  ctx: Ctx,
  input: Slip & { readonly quote: string; readonly idempotencyKey: string | undefined },
): Promise<Result<CardTaken>> => {
  const { terminal, reference, last4 } = input
  const pay = (tx: Tx, orderId: string) => payOrderByCard(tx, ctx, { orderId, terminal, reference, last4 })
  return takeAtWindow(ctx, input, { scope: 'billing.card', said: { terminal, reference, last4 }, pay })
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

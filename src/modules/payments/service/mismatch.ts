import { type Ctx, permit } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import { ORDER } from '../model.ts'
import * as store from '../store.ts'
import { finishOrder } from './attempts.ts'
import { approveAutomatically } from './refunds.ts'

/**
 * Somebody decided about money that came in another amount than was owed: all of it goes back to where it came from, the
 * order is closed and its subjects are free again. Asking again changes nothing: there is nothing left to decide.
 */
export async function returnMismatch(ctx: Ctx, orderId: string): Promise<Result<void>> {
  const allowed = permit(ctx, 'payments.refund.request')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  return ctx.kernel.db.tx(tenantId, async tx => {
    if (!(await store.findOrder(tx, tenantId, orderId))) return fail(errors.order_not_found)
    const order = await store.lockOrder(tx, tenantId, orderId)
    if (!order.mismatch || order.state !== ORDER.open) return fail(errors.refund_not_allowed)
    for (const { attemptId, txnNo, amountFen, reason } of await store.listOpenSuspense(tx, tenantId, orderId)) {
      const attempt = (await store.findAttempt(tx, tenantId, attemptId))!
      const { suspenseAccountId: from } = await store.getMerchant(tx, tenantId, attempt)
      const refundId = await approveAutomatically(tx, ctx, { order, attempt, txnNo, amountFen, cause: reason, from, line: null })
      await store.giveSuspenseRefund(tx, tenantId, { attemptId, txnNo }, refundId)
    }
    await finishOrder(tx, ctx, orderId, 'amount_returned')
    return ok(undefined)
  })
}

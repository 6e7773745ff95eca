import { route } from '#kernel/http/contract.ts'
import { ok } from '#kernel/result.ts'
import { contract } from './contract.ts'
import { attemptStateOf, orderStateOf, refundStateOf } from './model.ts'
import { getOrder } from './service/orders.ts'

export const routes = {
  getOrder: route(contract.getOrder, async (ctx, { params }) => {
    const found = await getOrder(ctx, params.orderId)
    if (!found.ok) return found
    const { id, amountFen, paidFen, refundedFen, title, createdAt, paidAt, state, lines, attempts, refunds } = found.value
    return ok({
      id,
      state: orderStateOf(state),
      amountFen,
      paidFen,
      refundedFen,
      title,
      createdAt: createdAt.toISOString(),
      paidAt: paidAt?.toISOString() ?? null,
      lines: lines.map(l => ({ subjectKind: l.subjectKind, subjectId: l.subjectId, amountFen: l.amountFen })),
      attempts: attempts.map(a => ({
        id: a.id,
        channel: a.channel,
        outTradeNo: a.outTradeNo,
        state: attemptStateOf(a.state),
        amountFen: a.amountFen,
      })),
      refunds: refunds.map(r => ({ id: r.id, state: refundStateOf(r.state), amountFen: r.amountFen, cause: r.cause })),
    })
  }),
}

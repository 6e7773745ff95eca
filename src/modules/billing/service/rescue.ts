import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs, addWorkingDays, calendar } from '#kernel/time.ts'
import { findOrderByCode, type OrderView, orderStateOf, refundOrder, UNDO_MS_MAX } from '#modules/payments/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { paymentUndone, rescueAnswered, rescueAsked } from '../events.ts'
import { POSTING } from '../model.ts'
import * as store from '../store.ts'
import { holdPostings, postAgainAfterMs } from './postings.ts'
import { issueReceipts } from './receipts.ts'

/** Working days a biller has to answer a wrong-payment request. */
export const RESCUE_WORKING_DAYS = 3

const undoUntil = (order: OrderView): Date | undefined =>
  order.paidAt && orderStateOf(order.state) === 'paid' && order.refundedFen + order.reservedFen === 0
    ? addMs(order.paidAt, UNDO_MS_MAX)
    : undefined

/** Last instant at which the payer can take the payment back alone; undefined when that is over. */
export function findUndo(ctx: Ctx, order: OrderView): Date | undefined {
  const until = undoUntil(order)
  return until && until > ctx.kernel.clock.now() ? until : undefined
}

/** 十分钟内撤销: within ten minutes, by the same payer, the money goes back the way it came. */
export async function undoPayment(
  ctx: Ctx,
  input: { orderCode: string; payer: string; idempotencyKey: string | undefined },
): Promise<Result<{ refunds: number }>> {
  const order = await findOrderByCode(ctx, input.orderCode)
  if (!order || order.payer !== input.payer) return fail(errors.undo_not_yours)
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(
        await once(tx, ctx, { scope: 'billing.undo', key: input.idempotencyKey, input: { order: order.id } }, async () => {
          if (!findUndo(ctx, order)) return unwrap(fail(errors.undo_too_late))
          await issueReceipts(tx, ctx, order)
          if (!(await holdPostings(tx, ctx, order.id))) return unwrap(fail(errors.undo_too_late))
          const refunds = unwrap(await refundOrder(tx, ctx, order.id, 'undone_by_payer'))
          await append(tx, ctx, paymentUndone, { subjectId: order.id, body: {} })
          return { refunds: refunds.length }
        }),
      ),
    ),
  )
}

export type RescueReason = 'account' | 'twice' | 'amount' | 'other'

/**
 * 缴错了: one form after the ten minutes. What the biller has not been told is given back at once; otherwise the posting is
 * asked back and the answer comes within three working days.
 */
export async function askRescue(
  ctx: Ctx,
  input: { orderCode: string; payer: string; reason: RescueReason; note: string | undefined; idempotencyKey: string | undefined },
): Promise<Result<{ rescueId: string; dueAt: string }>> {
  const order = await findOrderByCode(ctx, input.orderCode)
  if (!order || order.payer !== input.payer || orderStateOf(order.state) !== 'paid') return fail(errors.undo_not_yours)
  const { clock, vault } = ctx.kernel
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(
        await once(
          tx,
          ctx,
          { scope: 'billing.rescue', key: input.idempotencyKey, input: { order: order.id, reason: input.reason } },
          async () => {
            const now = clock.now()
            const id = makeId(ctx)
            const dueAt = addWorkingDays(now, RESCUE_WORKING_DAYS, calendar())
            const noteSealed = input.note ? vault.seal(ctx.tenantId, `billing|wrong_payment|note|${id}`, input.note) : null
            const inserted = await store.insertRescue(tx, ctx.tenantId, {
              id,
              orderId: order.id,
              reason: input.reason,
              dueAt,
              askedAt: now,
              noteSealed,
            })
            if (inserted === 0) unwrap(fail(errors.rescue_exists))
            await append(tx, ctx, rescueAsked, { subjectId: order.id, body: { rescue: id, reason: input.reason } })
            await issueReceipts(tx, ctx, order)
            if (await holdPostings(tx, ctx, order.id)) {
              unwrap(await refundOrder(tx, ctx, order.id, 'wrong_payment'))
              await store.answerRescue(tx, ctx.tenantId, order.id, 'returned', 'held', now)
              await append(tx, ctx, rescueAnswered, { subjectId: order.id, body: { rescue: id, outcome: 'returned' } })
            }
            return { rescueId: id, dueAt: dueAt.toISOString() }
          },
        ),
      ),
    ),
  )
}

/** The biller agreed (through staff): its postings are reversed, and the refund follows the reversal by itself. */
export async function answerRescue(ctx: Ctx, input: { orderId: string; isAgreed: boolean; answer: string }): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.rescue.answer')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const rescue = await store.findRescue(tx, ctx.tenantId, input.orderId)
    if (rescue?.state !== 'asked') return fail(errors.receipt_not_found)
    const now = ctx.kernel.clock.now()
    const outcome = input.isAgreed ? 'returned' : 'declined'
    // Somebody else may have answered since the look: the first answer stands.
    if ((await store.answerRescue(tx, ctx.tenantId, input.orderId, outcome, input.answer, now)) === 0) return fail(errors.receipt_not_found)
    await append(tx, ctx, rescueAnswered, {
      subjectId: input.orderId,
      body: { rescue: rescue.id, outcome },
    })
    if (!input.isAgreed) return ok(undefined)
    for (const posting of await store.lockPostings(tx, ctx.tenantId, input.orderId)) {
      await store.reopenPosting(
        tx,
        ctx.tenantId,
        posting.id,
        [POSTING.posted, POSTING.sent, POSTING.unknown],
        POSTING.reversing,
        addMs(now, postAgainAfterMs(0)),
      )
    }
    return ok(undefined)
  })
}

export const findRescue = (ctx: Ctx, orderId: string) => ctx.kernel.db.read(ctx.tenantId, tx => store.findRescue(tx, ctx.tenantId, orderId))

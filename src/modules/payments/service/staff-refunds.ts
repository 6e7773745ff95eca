import { type Ctx, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { refundApproved, refundDeclined } from '../events.ts'
import { ORDER, REFUND, REFUND_MS_MAX, REFUNDS_MAX, STAFF_REFUND_CAUSES } from '../model.ts'
import * as store from '../store.ts'
import { actorKey, findPayingAttempt, listLinesLeft, refundDueAt, setAside, writeRefund } from './refunds.ts'

const NOTE_CHARS_MAX = 200

export interface RefundRequest {
  readonly orderId: string
  readonly line: number
  readonly amountFen: number
  readonly cause: string
  readonly note: string
  /** What of the order was given back or set aside when the person looked: another figure means that somebody was faster. */
  readonly givenFen: number
  readonly idempotencyKey: string | undefined
}

/**
 * Somebody at the desk asks to give part of a paid order back the way it came. Nothing is set aside before a second person
 * agrees. The whole goes back by the wrong-payment request, which asks the biller first: otherwise it would still hold the
 * bill as paid.
 */
export async function requestRefund(ctx: Ctx, input: RefundRequest): Promise<Result<{ readonly refundId: string }>> {
  const allowed = permit(ctx, 'payments.refund.request')
  if (!allowed.ok) return allowed
  const cause = STAFF_REFUND_CAUSES.find(known => known === input.cause)
  const note = input.note.toWellFormed().replaceAll('\0', '').trim().slice(0, NOTE_CHARS_MAX) || null
  if (!cause) return fail(errors.reason_missing, undefined, 'cause')
  if (cause === 'other' && !note) return fail(errors.note_missing, undefined, 'note')
  const { orderId, line, amountFen, givenFen } = input
  if (!Number.isSafeInteger(amountFen) || amountFen <= 0) return fail(errors.amount_not_positive, undefined, 'amount')
  const call = { scope: 'payments.refund_request', key: input.idempotencyKey, input: { orderId, line, amountFen, cause } }
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(
        await once(tx, ctx, call, async () => {
          const order = await store.findOrder(tx, ctx.tenantId, orderId)
          if (!order) return unwrap(fail(errors.order_not_found))
          unwrap(await checkStill(tx, ctx, order.id, givenFen))
          const left = (await listLinesLeft(tx, ctx, orderId)).find(l => l.line === line)
          if (!left) return unwrap(fail(errors.refund_not_allowed))
          if (amountFen > left.leftFen) return unwrap(fail(errors.refund_too_large, { left: left.leftFen }, 'amount'))
          if (amountFen + givenFen >= order.paidFen) return unwrap(fail(errors.refund_whole, undefined, 'amount'))
          const attempt = await findPayingAttempt(tx, ctx, orderId)
          if (!attempt) return unwrap(fail(errors.refund_not_allowed))
          const refund = { order, attempt, txnNo: attempt.txnNo, amountFen, cause, from: left.payeeAccountId, line }
          const refundId = await writeRefund(tx, ctx, refund, { state: REFUND.requested, approvedBy: null, note })
          return { refundId }
        }),
      ),
    ),
  )
}

/** Whether an order can give anything back by people, and stands as they saw it. Locks its row. */
async function checkStill(tx: Tx, ctx: Ctx, orderId: string, givenFen: number): Promise<Result<void>> {
  const order = await store.lockOrder(tx, ctx.tenantId, orderId)
  if (order.state !== ORDER.paid || !order.paidAt) return fail(errors.refund_not_allowed)
  if (order.reservedFen + order.refundedFen !== givenFen) return fail(errors.refund_stale)
  if (ctx.kernel.clock.now().getTime() - order.paidAt.getTime() > REFUND_MS_MAX) return fail(errors.refund_too_old)
  const refunds = await store.listRefunds(tx, ctx.tenantId, orderId)
  return refunds.length >= REFUNDS_MAX ? fail(errors.refund_too_many) : ok(undefined)
}

/**
 * The second person's answer. Agreed: the amount is reserved under the order's lock, booked as owed, and sent to the channel by
 * the worker. Whoever asked cannot agree, but may take the request back.
 */
export async function decideRefund(
  ctx: Ctx,
  input: { readonly refundId: string; readonly isAgreed: boolean; readonly givenFen: number },
): Promise<Result<void>> {
  const allowed = permit(ctx, 'payments.refund.approve')
  const mayTakeBack = !input.isAgreed && permit(ctx, 'payments.refund.request').ok
  if (!allowed.ok && !mayTakeBack) return allowed
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const seen = await store.findRefund(tx, ctx.tenantId, input.refundId)
      if (!seen) return unwrap(fail(errors.refund_not_found))
      await store.lockOrder(tx, ctx.tenantId, seen.orderId)
      const refund = await store.lockRefund(tx, ctx.tenantId, seen.id)
      if (refund.state !== REFUND.requested) return unwrap(fail(errors.refund_decided))
      const isOwn = refund.requestedBy === actorKey(ctx)
      if (!allowed.ok && !isOwn) return unwrap(allowed)
      if (input.isAgreed && isOwn) return unwrap(fail(errors.refund_own))
      return input.isAgreed ? agree(tx, ctx, refund, input.givenFen) : decline(tx, ctx, refund)
    }),
  )
}

async function agree(tx: Tx, ctx: Ctx, refund: store.RefundRow, givenFen: number): Promise<void> {
  const { tenantId } = ctx
  unwrap(await checkStill(tx, ctx, refund.orderId, givenFen))
  const left = (await listLinesLeft(tx, ctx, refund.orderId)).find(l => l.line === refund.line)
  const order = (await store.findOrder(tx, tenantId, refund.orderId))!
  if (!left || refund.amountFen > left.leftFen || refund.amountFen + givenFen >= order.paidFen) return unwrap(fail(errors.refund_too_large))
  if (!(await store.reserveRefund(tx, tenantId, refund.orderId, refund.amountFen))) return unwrap(fail(errors.refund_too_large))
  const attempt = (await store.findAttempt(tx, tenantId, refund.attemptId))!
  await store.moveRefund(tx, tenantId, refund.id, [REFUND.requested], REFUND.approved, {
    approvedBy: actorKey(ctx),
    dueAt: refundDueAt(ctx, attempt.channel),
  })
  await setAside(tx, ctx, refund, attempt)
  await append(tx, ctx, refundApproved, { subjectId: refund.orderId, body: { refund: refund.id } })
}

async function decline(tx: Tx, ctx: Ctx, refund: store.RefundRow): Promise<void> {
  const now = ctx.kernel.clock.now()
  await store.moveRefund(tx, ctx.tenantId, refund.id, [REFUND.requested], REFUND.closed, { failure: 'declined', finishedAt: now })
  await append(tx, ctx, refundDeclined, { subjectId: refund.orderId, body: { refund: refund.id } })
}

export type RefundWaiting = store.RefundRow & { readonly givenFen: number; readonly paidFen: number; readonly isOwn: boolean }

/** Requests listed at once. */
const LISTED_MAX = 100

/** Refunds that wait for a second person, the one waiting longest first. */
export async function listRefundsWaiting(ctx: Ctx): Promise<Result<RefundWaiting[]>> {
  const allowed = permit(ctx, 'payments.refund.approve')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const waiting: RefundWaiting[] = []
    for (const refund of await store.listRequestedRefunds(tx, ctx.tenantId, LISTED_MAX)) {
      const order = (await store.findOrder(tx, ctx.tenantId, refund.orderId))!
      const isOwn = refund.requestedBy === actorKey(ctx)
      waiting.push({ ...refund, givenFen: order.reservedFen + order.refundedFen, paidFen: order.paidFen, isOwn })
    }
    return ok(waiting)
  })
}

/** Refunds and voids of cash that wait for a second person. */
export async function countRefundsWaiting(ctx: Ctx): Promise<Result<number>> {
  const allowed = permit(ctx, 'payments.refund.approve')
  if (!allowed.ok) return allowed
  return ok((await ctx.kernel.db.read(ctx.tenantId, tx => store.countWaiting(tx, ctx.tenantId))).count)
}

export interface RefundOffer {
  readonly givenFen: number
  readonly lines: readonly { readonly line: number; readonly subjectId: string; readonly title: string; readonly leftFen: number }[]
}

/** What of an order people may ask to give back; undefined when nothing. */
export async function findRefundOffer(ctx: Ctx, orderId: string): Promise<Result<RefundOffer | undefined>> {
  const allowed = permit(ctx, 'payments.refund.request')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const order = await store.findOrder(tx, ctx.tenantId, orderId)
    if (!order?.paidAt || order.state !== ORDER.paid) return ok(undefined)
    const lines = (await listLinesLeft(tx, ctx, orderId)).filter(line => line.leftFen > 0)
    const isOld = ctx.kernel.clock.now().getTime() - order.paidAt.getTime() > REFUND_MS_MAX
    return ok(lines.length === 0 || isOld ? undefined : { givenFen: order.reservedFen + order.refundedFen, lines })
  })
}

import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs, addWorkingDays, calendar, OFFICE_HOURS } from '#kernel/time.ts'
import { findOrderByCode, isGivenBack, type OrderView, orderStateOf, refundOrder, UNDO_MS_MAX } from '#modules/payments/index.ts'
import { defineTaskKind, finishTask, openTask } from '#modules/tasks/index.ts'
import { append } from '#modules/trail/index.ts'
import { isReversible } from '../dues.ts'
import { errors } from '../errors.ts'
import { paymentUndone, rescueAnswered, rescueAsked } from '../events.ts'
import { POSTING, type RescueReason } from '../model.ts'
import * as store from '../store.ts'
import { holdPostings, isAllReversed, postAgainAfterMs } from './postings.ts'
import { issueReceipts } from './receipts.ts'

/** Working days a biller has to answer a wrong-payment request. */
export const RESCUE_WORKING_DAYS = 3

const noteCell = (id: string): string => `billing|wrong_payment|note|${id}`
const RESCUE_ANSWER_CHARS_MAX = 200
const OFFICE_DAY_MIN = OFFICE_HOURS.spans.reduce((sum, [open, close]) => sum + close - open, 0)
const ANSWER_TASK = defineTaskKind({ kind: 'billing.rescue_answer', clock: 'working', minutes: RESCUE_WORKING_DAYS * OFFICE_DAY_MIN })

const undoUntil = (order: OrderView): Date | undefined =>
  order.paidAt && orderStateOf(order.state) === 'paid' && order.refundedFen + order.reservedFen < order.paidFen
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
  input: { orderCode: string; payers: readonly string[]; idempotencyKey: string | undefined },
): Promise<Result<{ refunds: number }>> {
  const order = await findOrderByCode(ctx, input.orderCode)
  if (!order || !input.payers.includes(order.payer)) return fail(errors.undo_not_yours)
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(
        await once(tx, ctx, { scope: 'billing.undo', key: input.idempotencyKey, input: { order: order.id } }, async () => {
          // Undone from another page a moment ago: what was asked for has happened.
          if (await isAllReversed(tx, ctx, order.id)) return { refunds: 0 }
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

/**
 * 缴错了: one form after the ten minutes. What the biller has not been told is given back at once; otherwise the posting is
 * asked back and the answer comes within three working days.
 */
export async function askRescue(
  ctx: Ctx,
  input: {
    orderCode: string
    payers: readonly string[]
    reason: RescueReason
    note: string | undefined
    idempotencyKey: string | undefined
  },
): Promise<Result<{ rescueId: string; dueAt: string }>> {
  const order = await findOrderByCode(ctx, input.orderCode)
  if (!order || !input.payers.includes(order.payer) || orderStateOf(order.state) !== 'paid') return fail(errors.undo_not_yours)
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
            const noteSealed = input.note ? vault.seal(ctx.tenantId, noteCell(id), input.note) : null
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
              await store.answerRescue(tx, ctx.tenantId, order.id, 'returned', null, now)
              await append(tx, ctx, rescueAnswered, { subjectId: order.id, body: { rescue: id, outcome: 'returned' } })
            } else if (await isGivenBack(tx, ctx, order.id)) {
              // Taken back by its payer, or refused by the biller, in another window: nothing is left to ask for.
              unwrap(fail(errors.given_back))
            } else {
              const task = await openTask(tx, ctx, {
                kind: ANSWER_TASK.kind,
                subjectKind: 'order',
                subjectId: order.id,
                title: `${order.title} ${order.code.slice(0, 6)}`,
              })
              await store.setRescueTask(tx, ctx.tenantId, id, task.id)
            }
            return { rescueId: id, dueAt: dueAt.toISOString() }
          },
        ),
      ),
    ),
  )
}

/**
 * What staff answered, in words for the payer. Agreed: the biller's postings are reversed, and the refund follows the
 * reversal by itself. Of two who answer at once the first is heard.
 */
export async function answerRescue(ctx: Ctx, input: { orderId: string; isAgreed: boolean; answer: string }): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.rescue.answer')
  if (!allowed.ok) return allowed
  const answer = input.answer.toWellFormed().replaceAll('\0', '').trim().slice(0, RESCUE_ANSWER_CHARS_MAX)
  if (!answer) return fail(errors.answer_missing, undefined, 'answer')
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const rescue = await store.findRescue(tx, ctx.tenantId, input.orderId)
      if (!rescue) return unwrap(fail(errors.rescue_not_found))
      const now = ctx.kernel.clock.now()
      const outcome = input.isAgreed ? 'returned' : 'declined'
      if ((await store.answerRescue(tx, ctx.tenantId, input.orderId, outcome, answer, now)) === 0) unwrap(fail(errors.rescue_answered))
      await append(tx, ctx, rescueAnswered, { subjectId: input.orderId, body: { rescue: rescue.id, outcome } })
      if (rescue.taskId) unwrap(await finishTask(tx, ctx, { taskId: rescue.taskId }))
      if (!input.isAgreed) return
      const due = addMs(now, postAgainAfterMs(0))
      const told = [POSTING.posted, POSTING.sent, POSTING.unknown]
      for (const posting of await store.lockPostings(tx, ctx.tenantId, input.orderId)) {
        const biller = (await store.findBiller(tx, ctx.tenantId, posting.billerId))!
        if (!isReversible(posting.paidAt, now, biller.rules)) return unwrap(fail(errors.reversal_over))
        await store.reopenPosting(tx, ctx.tenantId, posting.id, told, POSTING.reversing, due)
      }
    }),
  )
}

/** Requests shown on one page of the work list. */
export const RESCUES_PAGE = 20

/** A page of the requests that wait for an answer, the oldest first; `page` counts from 1. */
export async function listAskedRescues(ctx: Ctx, page: number): Promise<Result<{ rescues: Rescue[]; total: number }>> {
  const allowed = permit(ctx, 'billing.rescue.answer')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok({
      rescues: await store.listAskedRescues(tx, ctx.tenantId, { offset: (page - 1) * RESCUES_PAGE, limit: RESCUES_PAGE }),
      total: (await store.countAskedRescues(tx, ctx.tenantId)).count,
    }),
  )
}

/** How many requests wait, and since when the oldest does. */
export async function countAskedRescues(ctx: Ctx): Promise<Result<{ count: number; oldestAt: Date | null }>> {
  const allowed = permit(ctx, 'billing.rescue.answer')
  return allowed.ok ? ok(await ctx.kernel.db.read(ctx.tenantId, tx => store.countAskedRescues(tx, ctx.tenantId))) : allowed
}

/** What the payer wrote with a request. Who reads it leaves an entry by opening the order. */
export function readRescueNote(ctx: Ctx, rescue: Rescue): Result<string | undefined> {
  const allowed = permit(ctx, 'billing.rescue.answer')
  if (!allowed.ok) return allowed
  return ok(rescue.noteSealed ? ctx.kernel.vault.open(ctx.tenantId, noteCell(rescue.id), rescue.noteSealed) : undefined)
}

/** Requests about some orders of one's own, by order. */
export async function mapRescues(ctx: Ctx, orderIds: readonly string[]): Promise<Map<string, Rescue>> {
  if (orderIds.length === 0) return new Map()
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listRescuesOf(tx, ctx.tenantId, orderIds))
  return new Map(rows.map(row => [row.orderId, row]))
}

export type Rescue = store.RescueRow

export const findRescue = (ctx: Ctx, orderId: string) => ctx.kernel.db.read(ctx.tenantId, tx => store.findRescue(tx, ctx.tenantId, orderId))

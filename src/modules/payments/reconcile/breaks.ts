import { type Ctx, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs, OFFICE_HOURS } from '#kernel/time.ts'
import { findBooking } from '#modules/ledger/index.ts'
import { defineTaskKind, finishTask, openTask } from '#modules/tasks/index.ts'
import { append } from '#modules/trail/index.ts'
import { findChannel } from '../channels.ts'
import { errors } from '../errors.ts'
import { breakOpened, breakProposed, breakRaised, breakResolved } from '../events.ts'
import { askAgainAfterMs } from '../model.ts'
import { askChannel } from '../service/attempts.ts'
import { applyRefundFact } from '../service/refunds.ts'
import * as payments from '../store.ts'
import { BREAK_REASONS, type BreakReason, graveFrom, type Resolution } from './model.ts'
import * as store from './store.ts'
import { withdraw, writeOff, writeOffOf } from './unidentified.ts'

const OFFICE_DAY_MIN = OFFICE_HOURS.spans.reduce((sum, [open, close]) => sum + close - open, 0)
/** A grave break is decided within one working day. */
const BREAK_TASK = defineTaskKind({ kind: 'payments.break', clock: 'working', minutes: OFFICE_DAY_MIN })
const NOTE_CHARS_MAX = 200

async function openBreakTask(tx: Tx, ctx: Ctx, b: { readonly id: string; readonly day: string; readonly channel: string }): Promise<void> {
  const title = `${b.channel} ${b.day} ${b.id.slice(-6)}`
  const task = await openTask(tx, ctx, { kind: BREAK_TASK.kind, subjectKind: 'break', subjectId: b.id, title })
  await store.setBreakTask(tx, ctx.tenantId, b.id, task.id)
}

/** Tells the trail of a break, and somebody who has to look at it: of a grave one always. */
export async function tellOpened(
  tx: Tx,
  ctx: Ctx,
  b: Pick<store.BreakRow, 'id' | 'class' | 'severity' | 'day' | 'channel'>,
  needsPerson = false,
): Promise<void> {
  const { severity, day, channel } = b
  await append(tx, ctx, breakOpened, { subjectId: b.id, body: { class: b.class, severity, day, channel } })
  if (needsPerson || severity === 1) await openBreakTask(tx, ctx, b)
}

/** Tells the trail that a break is over and ends its deadline. */
export async function tellResolved(
  tx: Tx,
  ctx: Ctx,
  b: { readonly id: string; readonly taskId: string | null },
  resolution: Resolution,
  reason?: BreakReason,
): Promise<void> {
  await append(tx, ctx, breakResolved, { subjectId: b.id, body: { resolution, ...(reason && { reason }) } })
  if (b.taskId) unwrap(await finishTask(tx, ctx, { taskId: b.taskId }))
}

/** Ends a break without a person; one that ended before stays as it is. */
export async function resolveBySystem(
  tx: Tx,
  ctx: Ctx,
  b: { readonly id: string; readonly taskId: string | null },
  resolution: Resolution,
): Promise<void> {
  const at = ctx.kernel.clock.now()
  if (await store.resolveBreak(tx, ctx.tenantId, b.id, { resolution, by: 'system', at })) await tellResolved(tx, ctx, b, resolution)
}

/**
 * What the system can do about a break by itself: ask the channel how the payment or refund stands and book the answer the
 * normal way. What it cannot settle within three days becomes grave and a person's.
 */
export async function workBreak(ctx: Ctx, b: store.BreakRow): Promise<void> {
  const { db, clock } = ctx.kernel
  if (b.about !== null && (b.class === 'channel_only' || b.class === 'refund_only')) await ask(ctx, b, b.about)
  await db.tx(ctx.tenantId, async tx => {
    const row = await store.lockBreak(tx, ctx.tenantId, b.id)
    if (!row || row.resolvedAt) return
    const now = clock.now()
    const isStatedOnly = row.class === 'channel_only' || row.class === 'refund_only'
    const booked = isStatedOnly ? await findBooking(tx, ctx.tenantId, row.ref) : undefined
    if (booked && booked.amount === row.statedFen) {
      await withdraw(tx, ctx, [row.id])
      await resolveBySystem(tx, ctx, row, 'booked')
      return
    }
    await store.putOffBreak(tx, ctx.tenantId, row.id, addMs(now, askAgainAfterMs(row.tries)))
    if (now >= graveFrom(row.day) && (await store.raiseSeverity(tx, ctx.tenantId, row.id, 1))) {
      await append(tx, ctx, breakRaised, { subjectId: row.id, body: { severity: 1 } })
      if (!row.taskId) await openBreakTask(tx, ctx, row)
    }
  })
}

async function ask(ctx: Ctx, b: store.BreakRow, about: string): Promise<void> {
  const { db } = ctx.kernel
  const channel = findChannel(ctx.tenantId, b.channel)
  if (!channel) return
  if (b.class === 'channel_only') {
    const attempt = await db.read(ctx.tenantId, tx => payments.findAttempt(tx, ctx.tenantId, about))
    if (attempt) await askChannel(ctx, attempt)
    return
  }
  const refund = await db.read(ctx.tenantId, tx => payments.findRefund(tx, ctx.tenantId, about))
  const attempt = refund && (await db.read(ctx.tenantId, tx => payments.findAttempt(tx, ctx.tenantId, refund.attemptId)))
  if (!attempt) return
  const answer = await channel.queryRefund(attempt.outTradeNo, refund.outRefundNo)
  if (answer.kind === 'known' && answer.fact.state !== 'NOTFOUND') await applyRefundFact(ctx, answer.fact)
}

export type Decision = 'resolved' | 'proposed'

/** What may be found out about a break: money in suspense is written off or waits, anything else is only explained. */
export const reasonsFor = (b: Pick<store.BreakRow, 'class' | 'isSuspended'>): readonly BreakReason[] =>
  b.isSuspended ? [writeOffOf(b)] : BREAK_REASONS.filter(reason => reason !== 'kept_as_income')

/** Whether two people must agree about it. */
export const needsTwo = (b: Pick<store.BreakRow, 'severity' | 'isSuspended'>): boolean => b.severity === 1 || b.isSuspended

/**
 * A person's decision about a break. About a grave one, or one with money in suspense, two must agree: the first decision waits,
 * another person's makes it count. Money moves by it out of suspense alone.
 */
export async function decideBreak(
  ctx: Ctx,
  input: { readonly breakId: string; readonly reason: string; readonly note: string },
): Promise<Result<Decision>> {
  const allowed = permit(ctx, 'payments.reconcile.decide')
  if (!allowed.ok) return allowed
  const note = input.note.toWellFormed().replaceAll('\0', '').trim().slice(0, NOTE_CHARS_MAX) || null
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const row = await store.lockBreak(tx, ctx.tenantId, input.breakId)
      if (!row) return unwrap(fail(errors.break_not_found))
      if (row.resolvedAt) return unwrap(fail(errors.break_resolved))
      const reason = reasonsFor(row).find(known => known === input.reason)
      if (!reason) return unwrap(fail(errors.reason_missing, undefined, 'reason'))
      if (reason === 'other' && !note) return unwrap(fail(errors.note_missing, undefined, 'note'))
      const by = ctx.actor.id
      if (needsTwo(row) && row.proposedBy === by) return unwrap(fail(errors.second_person))
      await store.noteDecision(tx, ctx.tenantId, row.id, { by, reason, note })
      if (needsTwo(row) && row.proposedBy === null) {
        await append(tx, ctx, breakProposed, { subjectId: row.id, body: { reason } })
        return 'proposed'
      }
      if (row.isSuspended) await writeOff(tx, ctx, row.id)
      await store.resolveBreak(tx, ctx.tenantId, row.id, { resolution: 'by_person', by, at: ctx.kernel.clock.now() })
      await tellResolved(tx, ctx, row, 'by_person', reason)
      return 'resolved'
    }),
  )
}

export type Break = store.BreakRow

/** Breaks shown at once; the gravest and oldest first. */
const BREAKS_PAGE = 100

export interface Reconciliation {
  readonly statements: readonly store.StatementRow[]
  readonly counts: Awaited<ReturnType<typeof store.countBreaks>>
  readonly open: readonly Break[]
  readonly waits: Awaited<ReturnType<typeof store.listWaits>>
}

/** How the days of [from, to] stand, and what waits for a decision. */
export async function viewReconciliation(ctx: Ctx, from: string, to: string): Promise<Result<Reconciliation>> {
  const allowed = permit(ctx, 'payments.reconcile.read')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok({
      statements: await store.listStatements(tx, ctx.tenantId, from, to),
      counts: await store.countBreaks(tx, ctx.tenantId, from, to),
      open: await store.listOpenBreaks(tx, ctx.tenantId, BREAKS_PAGE),
      waits: await store.listWaits(tx, ctx.tenantId),
    }),
  )
}

export async function findBreak(ctx: Ctx, id: string): Promise<Result<Break>> {
  const allowed = permit(ctx, 'payments.reconcile.read')
  if (!allowed.ok) return allowed
  const found = await ctx.kernel.db.read(ctx.tenantId, tx => store.findBreak(tx, ctx.tenantId, id))
  return found ? ok(found) : fail(errors.break_not_found)
}

/** How many breaks wait for somebody. */
export async function countOpenBreaks(ctx: Ctx): Promise<Result<number>> {
  const allowed = permit(ctx, 'payments.reconcile.read')
  if (!allowed.ok) return allowed
  return ok((await ctx.kernel.db.read(ctx.tenantId, tx => store.countOpen(tx, ctx.tenantId))).count)
}

import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { formatYuan } from '#kernel/money.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addWorkingDays, calendar, dayOf, OFFICE_HOURS } from '#kernel/time.ts'
import { send } from '#modules/notify/index.ts'
import { defineTaskKind, finishTask, openTask } from '#modules/tasks/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { disputeAnswered, disputeAsked, disputeWithdrawn } from '../events.ts'
import { ownPayer } from '../products/catalogue.ts'
import { type BillState, examine, isOwn, isPaid } from '../service/bills.ts'
import * as bills from '../store.ts'
import type { DisputeReason } from './model.ts'
import * as store from './store.ts'

// What a resident doubts is looked at before it is collected: while the biller checks, nothing happens to the bill by itself.

/** Working days a biller has to check a bill. */
export const DISPUTE_WORKING_DAYS = 3
const OFFICE_DAY_MIN = OFFICE_HOURS.spans.reduce((sum, [open, close]) => sum + close - open, 0)
const CHECK_TASK = defineTaskKind({ kind: 'billing.dispute_check', clock: 'working', minutes: DISPUTE_WORKING_DAYS * OFFICE_DAY_MIN })
const NOTE_CHARS_MAX = 500
const ANSWER_CHARS_MAX = 200
/** Disputes shown on one page of the work list. */
export const DISPUTES_PAGE = 20

export type Dispute = store.DisputeRow

const noteCell = (id: string): string => `billing|dispute|note|${id}`
const byOf = ({ actor }: Ctx): string => `${actor.kind}:${actor.id}`
const clean = (typed: string | undefined, max: number): string =>
  (typed ?? '')
    .toWellFormed()
    .replaceAll(/[^\P{Cc}\n]/gu, '')
    .trim()
    .slice(0, max)

/** Whose wish it is: a resident's own, or nobody's account when staff write it down at the window. */
function askerOf(ctx: Ctx): Result<string | null> {
  if (ctx.actor.kind !== 'staff') return ownPayer(ctx)
  const allowed = permit(ctx, 'billing.dispute.ask')
  return allowed.ok ? ok(null) : allowed
}

/** Whether a bill can be asked about: it is there to be paid, and was not asked about before. */
export const isDisputable = (state: Pick<BillState, 'bill' | 'claim' | 'dispute'>): boolean =>
  !state.dispute && !state.bill.withdrawnAt && !state.bill.product && !isPaid(state)

export interface AskDispute {
  readonly billId: string
  readonly reason: DisputeReason
  readonly note: string | undefined
  readonly idempotencyKey: string | undefined
}

/** 申请核对: asks the biller to check a bill. From today no late fee grows on it, and it is neither debited nor reminded of. */
export async function askDispute(ctx: Ctx, input: AskDispute): Promise<Result<{ readonly disputeId: string }>> {
  const asker = askerOf(ctx)
  if (!asker.ok) return asker
  const { billId, reason } = input
  const note = clean(input.note, NOTE_CHARS_MAX)
  const { tenantId, kernel } = ctx
  const call = { scope: 'billing.dispute', key: input.idempotencyKey, input: { billId, reason, note, asker: asker.value } }
  return catching(() =>
    kernel.db.tx(tenantId, async tx =>
      unwrap(
        await once(tx, ctx, call, async () => {
          const [state] = await examine(tx, ctx, [billId], [])
          if (!state) return unwrap(fail(errors.bill_not_found))
          if (!isDisputable(state)) return unwrap(fail(state.dispute ? errors.dispute_exists : errors.dispute_over))
          const now = kernel.clock.now()
          const id = makeId(ctx)
          const isNew = await store.insertDispute(tx, tenantId, {
            ...{ id, billId, billerId: state.biller.id, payer: asker.value, reason, amountFen: state.bill.amountFen, askedBy: byOf(ctx) },
            noteSealed: note ? kernel.vault.seal(tenantId, noteCell(id), note) : null,
            ...{ askedOn: dayOf(now), askedAt: now, dueAt: addWorkingDays(now, DISPUTE_WORKING_DAYS, calendar()) },
          })
          if (!isNew) return unwrap(fail(errors.dispute_exists))
          await append(tx, ctx, disputeAsked, { subjectId: billId, body: { dispute: id, reason } })
          const title = `${state.biller.serviceZh} ${state.bill.billNo}`
          const task = await openTask(tx, ctx, { kind: CHECK_TASK.kind, subjectKind: 'bill', subjectId: billId, title })
          await store.setTask(tx, tenantId, id, task.id)
          return { disputeId: id }
        }),
      ),
    ),
  )
}

/** Takes it back: the bill is as if it had never been asked about. By who asked; what was written down at a window, by staff. */
export async function withdrawDispute(ctx: Ctx, billId: string): Promise<Result<void>> {
  const asker = askerOf(ctx)
  if (!asker.ok) return asker
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const dispute = await store.findDispute(tx, ctx.tenantId, billId)
      if (!dispute || !isOwn(ctx, dispute) || dispute.payer !== asker.value) return unwrap(fail(errors.dispute_not_found))
      await close(tx, ctx, dispute, 'withdrawn', null)
      await append(tx, ctx, disputeWithdrawn, { subjectId: billId, body: { dispute: dispute.id } })
    }),
  )
}

async function close(tx: Tx, ctx: Ctx, dispute: Dispute, state: 'upheld' | 'kept' | 'withdrawn', answer: string | null): Promise<void> {
  const at = ctx.kernel.clock.now()
  if (!(await store.closeDispute(tx, ctx.tenantId, dispute.id, { state, answer, by: byOf(ctx), on: dayOf(at), at })))
    unwrap(fail(errors.dispute_answered))
  if (dispute.taskId) unwrap(await finishTask(tx, ctx, { taskId: dispute.taskId, outcome: state === 'withdrawn' ? 'cancelled' : 'done' }))
}

/** What the biller found, in words for who asked. Of two who answer at once the first is heard. */
export async function answerDispute(ctx: Ctx, input: { billId: string; isUpheld: boolean; answer: string }): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.dispute.answer')
  if (!allowed.ok) return allowed
  const answer = clean(input.answer, ANSWER_CHARS_MAX)
  if (!answer) return fail(errors.answer_missing, undefined, 'answer')
  const { tenantId } = ctx
  return catching(() =>
    ctx.kernel.db.tx(tenantId, async tx => {
      const dispute = await store.findDispute(tx, tenantId, input.billId)
      if (!dispute || !isOwn(ctx, dispute)) return unwrap(fail(errors.dispute_not_found))
      // Whoever wrote it down for a resident does not also decide about it.
      if (dispute.askedBy === byOf(ctx)) return unwrap(fail(errors.dispute_own))
      const state = input.isUpheld ? 'upheld' : 'kept'
      await close(tx, ctx, dispute, state, answer)
      await append(tx, ctx, disputeAnswered, { subjectId: input.billId, body: { dispute: dispute.id, outcome: state } })
      await tellAsker(tx, ctx, dispute, state)
    }),
  )
}

async function tellAsker(tx: Tx, ctx: Ctx, dispute: Dispute, state: 'upheld' | 'kept'): Promise<void> {
  const personId = /^resident:([0-9a-f-]{36})$/.exec(dispute.payer ?? '')?.[1]
  const biller = await bills.findBiller(tx, ctx.tenantId, dispute.billerId)
  if (!personId || !biller) return
  await send(tx, ctx, {
    to: { personId },
    topic: 'bills',
    template: state === 'upheld' ? 'dispute_upheld' : 'dispute_kept',
    dedupeKey: `dispute:${dispute.id}`,
    params: { service: biller.serviceZh, service_en: biller.serviceEn, amount: formatYuan(dispute.amountFen).replaceAll(',', '') },
  })
}

/** What was asked about a bill and not taken back. Whether the caller may see it is for the caller to know. */
export const findDispute = (ctx: Ctx, billId: string): Promise<Dispute | undefined> =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.findDispute(tx, ctx.tenantId, billId))

/** A page of what waits for an answer, the oldest first; `page` counts from 1. Staff of a biller see its own. */
export async function listDisputes(ctx: Ctx, page: number): Promise<Result<{ disputes: Dispute[]; total: number }>> {
  const allowed = permit(ctx, 'billing.dispute.answer')
  if (!allowed.ok) return allowed
  const biller = ctx.actor.biller?.id ?? null
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok({
      disputes: await store.listOpenDisputes(tx, ctx.tenantId, biller, { offset: (page - 1) * DISPUTES_PAGE, limit: DISPUTES_PAGE }),
      total: await store.countOpenDisputes(tx, ctx.tenantId, biller),
    }),
  )
}

/** How many wait for an answer of the caller's. */
export async function countDisputes(ctx: Ctx): Promise<Result<number>> {
  const allowed = permit(ctx, 'billing.dispute.answer')
  if (!allowed.ok) return allowed
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => store.countOpenDisputes(tx, ctx.tenantId, ctx.actor.biller?.id ?? null)))
}

/** What was written with it, for who asked and for who answers. Staff who read it opened the bill, which leaves an entry. */
export function readDisputeNote(ctx: Ctx, dispute: Dispute): string | undefined {
  const isAsker = ctx.actor.kind === 'resident' && dispute.payer === `resident:${ctx.actor.id}`
  const isStaff = ctx.actor.kind === 'staff' && isOwn(ctx, dispute) && permit(ctx, 'billing.bill.read').ok
  if (!dispute.noteSealed || (!isAsker && !isStaff)) return undefined
  return ctx.kernel.vault.open(ctx.tenantId, noteCell(dispute.id), dispute.noteSealed)
}

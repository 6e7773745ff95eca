import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { findBooking, post } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { confirmIn, type PaidFact } from '../confirm.ts'
import { attemptFailed, debitSettled, refundRequested, refundSucceeded } from '../events.ts'
import { ATTEMPT, DEBIT, documentOf, REFUND } from '../model.ts'
import { tellOpened, tellResolved } from '../reconcile/breaks.ts'
import type { BreakClass, Severity } from '../reconcile/model.ts'
import * as reconcile from '../reconcile/store.ts'
import { finishOrder } from '../service/attempts.ts'
import { settleOddFact } from '../service/facts.ts'
import { listLinesLeft } from '../service/refunds.ts'
import * as payments from '../store.ts'
import { type DebitFailure, failureOf, RESULT_OK, ROW } from './model.ts'
import type { DebitFact } from './ports.ts'
import * as store from './store.ts'

/** Where a fact stands: the file it came in and its line; a question answered has no line. */
export interface Source {
  readonly fileId: string
  readonly day: string
  readonly mchid: string
  readonly line: number | null
}

/** Makes a difference with the bank visible: it stands among the breaks and, if grave, on somebody's desk. No money moves by it. */
export async function openBreak(
  tx: Tx,
  ctx: Ctx,
  source: Source,
  b: {
    readonly class: Extract<BreakClass, 'amount' | `debit_${string}`>
    readonly severity: Severity
    readonly orderNo: string
    readonly about: string | null
    readonly statedFen: number | null
    readonly bookedFen: number | null
    readonly at: Date
  },
): Promise<void> {
  const { orderNo, at: happenedAt, ...rest } = b
  const openedAt = ctx.kernel.clock.now()
  const id = makeId(ctx)
  const { fileId: statementId, day, mchid, line } = source
  const ref = documentOf(DEBIT, orderNo)
  const [fresh] = await reconcile.upsertBreaks(tx, ctx.tenantId, [
    { ...rest, id, channel: DEBIT, mchid, day, ref, ourNo: orderNo, line, happenedAt, openedAt, statementId, resolution: null },
  ])
  if (!fresh) return
  await tellOpened(tx, ctx, { ...b, id: fresh.id, day, channel: DEBIT })
}

/** What the bank has now answered about a debit ends what was open for want of it. */
async function closeBreaks(tx: Tx, ctx: Ctx, orderNo: string): Promise<void> {
  const resolved = await reconcile.resolveAnswered(tx, ctx.tenantId, DEBIT, documentOf(DEBIT, orderNo), ctx.kernel.clock.now())
  for (const one of resolved) await tellResolved(tx, ctx, one, 'booked')
}

/**
 * Applies what the bank says of one debit; the first answer counts, the same again changes nothing. A success after a failure is
 * a payment nobody expects any more: it goes to suspense and back. Anything else that contradicts is a break. File and row order
 * do not matter.
 */
export async function settleRow(tx: Tx, ctx: Ctx, attemptId: string, fact: DebitFact, source: Source): Promise<void> {
  const { tenantId } = ctx
  const row = await store.lockRow(tx, tenantId, attemptId)
  const isPaid = fact.result === RESULT_OK
  const conflict = (kind: 'amount' | 'debit_conflict') =>
    openBreak(tx, ctx, source, {
      ...{ class: kind, severity: 1, orderNo: row.orderNo, about: attemptId, at: fact.at },
      ...{ statedFen: fact.amountFen, bookedFen: row.amountFen },
    })
  if (row.state === ROW.debited || row.state === ROW.returned || row.state === ROW.late) {
    if (!isPaid || row.bankNo !== fact.bankNo || row.amountFen !== fact.amountFen) await conflict('debit_conflict')
    return
  }
  if (row.state !== ROW.unknown && row.state !== ROW.failed) return conflict('debit_conflict')
  if (!isPaid) {
    if (row.state === ROW.unknown) await fail(tx, ctx, row, failureOf(fact.result))
    return
  }
  if (fact.amountFen !== row.amountFen) return conflict('amount')
  const booked = await findBooking(tx, tenantId, documentOf(DEBIT, fact.bankNo))
  if (fact.bankNo === '' || booked) return conflict('debit_conflict')
  const paid: PaidFact = { attemptId, txnNo: fact.bankNo, amountFen: fact.amountFen, paidAt: fact.at }
  const isApplied = await confirmIn(tx, ctx, paid)
  if (!isApplied) await settleOddFact(tx, ctx, paid)
  await store.moveRow(tx, tenantId, attemptId, [row.state], isApplied ? ROW.debited : ROW.late, { bankNo: fact.bankNo, at: fact.at })
  await closeBreaks(tx, ctx, row.orderNo)
  if (isApplied) await append(tx, ctx, debitSettled, { subjectId: row.orderId, body: { attempt: attemptId, outcome: 'debited' } })
}

/** Nothing was debited: the order is over and its subjects are free. */
export async function fail(tx: Tx, ctx: Ctx, row: store.DebitRow, failure: DebitFailure): Promise<void> {
  const { tenantId } = ctx
  const { attemptId, orderId } = row
  if (!(await store.moveRow(tx, tenantId, attemptId, [ROW.unknown], ROW.failed, { failure, at: ctx.kernel.clock.now() }))) return
  await payments.lockOrder(tx, tenantId, orderId)
  await payments.moveAttempt(tx, tenantId, attemptId, [ATTEMPT.submitted], ATTEMPT.failed, { failure })
  await append(tx, ctx, attemptFailed, { subjectId: orderId, body: { attempt: attemptId, why: failure } })
  await finishOrder(tx, ctx, orderId, 'debit_failed')
  await closeBreaks(tx, ctx, row.orderNo)
  await append(tx, ctx, debitSettled, { subjectId: orderId, body: { attempt: attemptId, outcome: 'failed', failure } })
}

/**
 * A debit that had succeeded was taken back by the payer's bank: each payee gives back its share to the account the batch came
 * in on, and the subjects are free. Where something of the order went back already, a person has to look: it would go back twice.
 */
export async function takeBack(
  tx: Tx,
  ctx: Ctx,
  attemptId: string,
  back: { readonly returnNo: string; readonly amountFen: number; readonly at: Date; readonly failure: DebitFailure },
  source: Source,
): Promise<void> {
  const { tenantId } = ctx
  const row = await store.lockRow(tx, tenantId, attemptId)
  if (row.state === ROW.returned && row.returnNo === back.returnNo && row.amountFen === back.amountFen) return
  const order = await payments.lockOrder(tx, tenantId, row.orderId)
  const given = order.reservedFen + order.refundedFen
  if (row.state !== ROW.debited || row.amountFen !== back.amountFen || given > 0 || back.returnNo === '')
    return openBreak(tx, ctx, source, {
      ...{ class: 'debit_conflict', severity: 1, orderNo: row.orderNo, about: attemptId, at: back.at },
      ...{ statedFen: back.amountFen, bookedFen: row.state === ROW.debited ? row.amountFen - given : 0 },
    })
  await reverse(tx, ctx, row, back)
  await store.moveRow(tx, tenantId, attemptId, [ROW.debited], ROW.returned, { returnNo: back.returnNo, failure: back.failure, at: back.at })
  await append(tx, ctx, debitSettled, { subjectId: row.orderId, body: { attempt: attemptId, outcome: 'returned', failure: back.failure } })
}

/** Books a debit taken back: one refund of each line, done already, since the payer has the money. Order row locked. */
async function reverse(tx: Tx, ctx: Ctx, row: store.DebitRow, back: { readonly returnNo: string; readonly at: Date }): Promise<void> {
  const { tenantId } = ctx
  const attempt = (await payments.findAttempt(tx, tenantId, row.attemptId))!
  const merchant = await payments.getMerchant(tx, tenantId, attempt)
  const now = ctx.kernel.clock.now()
  for (const { line, leftFen: amountFen, payeeAccountId } of await listLinesLeft(tx, ctx, row.orderId)) {
    const id = makeId(ctx)
    const outRefundNo = `${back.returnNo}-${line}`
    await payments.reserveRefund(tx, tenantId, row.orderId, amountFen)
    await payments.insertRefund(tx, tenantId, {
      ...{ id, orderId: row.orderId, attemptId: row.attemptId, txnNo: attempt.txnNo!, outRefundNo, amountFen, line, note: null },
      ...{ state: REFUND.approved, cause: 'debit_returned', fromAccountId: payeeAccountId, requestedBy: 'bank', approvedBy: 'bank' },
      ...{ createdAt: now, dueAt: now },
    })
    await append(tx, ctx, refundRequested, { subjectId: row.orderId, body: { refund: id, amount_fen: amountFen, cause: 'debit_returned' } })
    await post(tx, ctx, {
      code: 'DEBIT_RET',
      ref: documentOf(DEBIT, outRefundNo),
      about: id,
      effectiveAt: back.at,
      postings: [
        { accountId: payeeAccountId, amount: amountFen },
        { accountId: merchant.clearingAccountId, amount: -amountFen },
      ],
    })
    await payments.moveRefund(tx, tenantId, id, [REFUND.approved], REFUND.succeeded, { finishedAt: back.at })
    await payments.settleReserved(tx, tenantId, row.orderId, amountFen, true)
    await append(tx, ctx, refundSucceeded, { subjectId: row.orderId, body: { refund: id, amount_fen: amountFen } })
  }
  await payments.deleteClaims(tx, tenantId, row.orderId)
}

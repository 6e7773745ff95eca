import { publicUrl } from '#kernel/config.ts'
import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { findBooking, post } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { CARD } from '../card/model.ts'
import { findChannel } from '../channels.ts'
import { findDebitBank } from '../debit/ports.ts'
import { errors } from '../errors.ts'
import {
  refundAbnormal,
  refundApproved,
  refundClosed,
  refundRequested,
  refundSubmitted,
  refundSucceeded,
  refundUnknown,
} from '../events.ts'
import {
  ATTEMPT,
  askAgainAfterMs,
  CASH,
  DEBIT,
  documentOf,
  ORDER,
  PREPAID,
  REFUND,
  REFUND_REPEATS_MAX,
  type RefundCause,
} from '../model.ts'
import type { RefundFact } from '../ports.ts'
import { guardPrepaid } from '../prepaid/balance.ts'
import * as store from '../store.ts'

interface NewRefund {
  readonly order: store.OrderRow
  readonly attempt: Pick<store.AttemptRow, 'id' | 'channel' | 'mchid'>
  /** The channel's number of the payment given back. */
  readonly txnNo: string
  readonly amountFen: number
  readonly cause: RefundCause
  /** Ledger account the money is taken back from: suspense or the payee. */
  readonly from: number
  /** Of the order, for money taken back from its payee. */
  readonly line: number | null
}

/** A refund nobody has to decide on: money that belongs to no open order, or that a biller refused. Order row locked. */
export async function approveAutomatically(tx: Tx, ctx: Ctx, input: NewRefund): Promise<string> {
  const id = await writeRefund(tx, ctx, input, { state: REFUND.approved, approvedBy: 'system', note: null })
  await setAside(tx, ctx, { id, fromAccountId: input.from, amountFen: input.amountFen }, input.attempt)
  await append(tx, ctx, refundApproved, { subjectId: input.order.id, body: { refund: id } })
  return id
}

export async function writeRefund(
  tx: Tx,
  ctx: Ctx,
  input: NewRefund,
  how: { readonly state: number; readonly approvedBy: string | null; readonly note: string | null },
): Promise<string> {
  const id = makeId(ctx)
  await store.insertRefund(tx, ctx.tenantId, {
    ...how,
    id,
    orderId: input.order.id,
    attemptId: input.attempt.id,
    txnNo: input.txnNo,
    outRefundNo: `r${id.replaceAll('-', '')}`.slice(0, 33),
    amountFen: input.amountFen,
    cause: input.cause,
    fromAccountId: input.from,
    line: input.line,
    requestedBy: actorKey(ctx),
    createdAt: ctx.kernel.clock.now(),
    dueAt: refundDueAt(ctx, input.attempt.channel),
  })
  await append(tx, ctx, refundRequested, {
    subjectId: input.order.id,
    body: { refund: id, amount_fen: input.amountFen, cause: input.cause },
  })
  return id
}

/** The year 9999: cash is paid out by a cashier, a card's money given back on its terminal, never by the worker. */
const NEVER = new Date('9999-12-31T00:00:00Z')
export const refundDueAt = (ctx: Ctx, channel: string): Date => (channel === CASH || channel === CARD ? NEVER : ctx.kernel.clock.now())

/** Who acts, as refunds know them. */
export const actorKey = ({ actor }: Ctx): string => (actor.kind === 'system' ? 'system' : `${actor.kind}:${actor.id}`)

/** Books that an amount is owed back to its payer. */
export async function setAside(
  tx: Tx,
  ctx: Ctx,
  refund: Pick<store.RefundRow, 'id' | 'fromAccountId' | 'amountFen'>,
  attempt: Pick<store.AttemptRow, 'channel' | 'mchid'>,
): Promise<void> {
  const merchant = await store.getMerchant(tx, ctx.tenantId, attempt)
  await post(tx, ctx, {
    code: refund.fromAccountId === merchant.suspenseAccountId ? 'SUSPENSE_REFUND' : 'REFUND_RESERVE',
    ref: refund.id,
    about: refund.id,
    postings: [
      { accountId: refund.fromAccountId, amount: refund.amountFen },
      { accountId: merchant.refundAccountId, amount: -refund.amountFen },
    ],
  })
  await guardPrepaid(tx, ctx, refund.fromAccountId)
}

/** The attempt that paid an order, not one whose money went to suspense. Order row locked. */
export async function findPayingAttempt(tx: Tx, ctx: Ctx, orderId: string): Promise<(store.AttemptRow & { txnNo: string }) | undefined> {
  for (const attempt of await store.listAttempts(tx, ctx.tenantId, orderId)) {
    const { txnNo, state } = attempt
    if (txnNo && state === ATTEMPT.succeeded && !(await store.isSuspended(tx, ctx.tenantId, attempt))) return { ...attempt, txnNo }
  }
  return undefined
}

export interface LineLeft extends store.LineRow {
  /** What of it has not been given back and is not set aside to be. */
  readonly leftFen: number
}

/** The lines of an order with what is left of each. Order row locked, where something rests on it. */
export async function listLinesLeft(tx: Tx, ctx: Ctx, orderId: string): Promise<LineLeft[]> {
  const refunds = await store.listRefunds(tx, ctx.tenantId, orderId)
  const lines = await store.listLines(tx, ctx.tenantId, orderId)
  return lines.map(line => {
    const given = refunds.filter(r => r.line === line.line && r.state !== REFUND.requested && r.state !== REFUND.closed)
    return { ...line, leftFen: line.amountFen - given.reduce((sum, r) => sum + r.amountFen, 0) }
  })
}

/**
 * Gives back what is left of a paid order: the payer undid it within ten minutes, or a biller refused it. One refund per line,
 * so that each payee's account gives back its own share. The order's subjects are free again once it is decided.
 */
export async function refundOrder(tx: Tx, ctx: Ctx, orderId: string, cause: RefundCause): Promise<Result<string[]>> {
  const order = await store.lockOrder(tx, ctx.tenantId, orderId)
  const leftFen = order.paidFen - order.reservedFen - order.refundedFen
  if (order.state !== ORDER.paid || leftFen <= 0) return fail(errors.refund_not_allowed)
  const attempt = await findPayingAttempt(tx, ctx, orderId)
  if (!attempt) return fail(errors.refund_not_allowed)
  if (!(await store.reserveRefund(tx, ctx.tenantId, orderId, leftFen))) return fail(errors.refund_too_large)
  const ids: string[] = []
  for (const { line, leftFen: amountFen, payeeAccountId: from } of await listLinesLeft(tx, ctx, orderId))
    if (amountFen > 0) ids.push(await approveAutomatically(tx, ctx, { order, attempt, txnNo: attempt.txnNo, amountFen, cause, from, line }))
  await store.deleteClaims(tx, ctx.tenantId, orderId)
  return ok(ids)
}

/** Whether all an order took is given back or on its way; holds the order until the transaction ends. */
export async function isGivenBack(tx: Tx, ctx: Ctx, orderId: string): Promise<boolean> {
  const { paidFen, reservedFen, refundedFen } = await store.lockOrder(tx, ctx.tenantId, orderId)
  return reservedFen + refundedFen >= paidFen
}

/** Who gives the money of a channel back. */
const refunderOf = (tenantId: number, channel: string) => (channel === DEBIT ? findDebitBank(tenantId) : findChannel(tenantId, channel))

/** Sends or asks about one due refund; always with the same number, so that a repeat cannot pay back twice. */
export async function workRefund(ctx: Ctx, refundId: string): Promise<void> {
  const { db, clock } = ctx.kernel
  const found = await db.read(ctx.tenantId, async tx => {
    const refund = await store.findRefund(tx, ctx.tenantId, refundId)
    return refund && { refund, attempt: await store.findAttempt(tx, ctx.tenantId, refund.attemptId) }
  })
  if (!found?.attempt) return
  const { refund, attempt } = found
  if (attempt.channel === PREPAID) return refundToPrepaid(ctx, refund, attempt)
  const channel = refunderOf(ctx.tenantId, attempt.channel)
  if (!channel) return
  if (refund.state !== REFUND.approved) {
    const answer = await channel.queryRefund(attempt.outTradeNo, refund.outRefundNo)
    if (answer.kind === 'unknown') return
    if (answer.fact.state !== 'NOTFOUND') return applyRefundFact(ctx, answer.fact)
  }
  await db.tx(ctx.tenantId, async tx => {
    if (await store.moveRefund(tx, ctx.tenantId, refund.id, [REFUND.approved, REFUND.submitted, REFUND.unknown], REFUND.submitted)) {
      await append(tx, ctx, refundSubmitted, { subjectId: refund.orderId, body: { refund: refund.id } })
    }
  })
  // The channel wants the amount it was paid, which differs from the attempt's when the payer paid another sum.
  const paid = await db.read(ctx.tenantId, tx => findBooking(tx, ctx.tenantId, documentOf(attempt.channel, refund.txnNo)))
  const outcome = await channel.refund({
    channelTxnNo: refund.txnNo,
    outRefundNo: refund.outRefundNo,
    amountFen: refund.amountFen,
    totalFen: paid?.amount ?? attempt.amountFen,
    reason: refund.cause,
    notifyUrl: notifyUrlOf(ctx, attempt.channel),
  })
  if (outcome.kind === 'accepted') return
  await db.tx(ctx.tenantId, async tx => {
    const why = outcome.kind === 'refused' ? `${outcome.code}: ${outcome.message}` : outcome.why
    const refused = outcome.kind === 'refused'
    const moved = await store.moveRefund(tx, ctx.tenantId, refund.id, [REFUND.submitted], refused ? REFUND.abnormal : REFUND.unknown, {
      failure: why.slice(0, 200),
      dueAt: addMs(clock.now(), askAgainAfterMs(refund.tries)),
    })
    if (moved)
      await append(tx, ctx, refused ? refundAbnormal : refundUnknown, {
        subjectId: refund.orderId,
        body: { refund: refund.id, why: why.slice(0, 200) },
      })
  })
}

/** What was taken from a balance goes back to it: no channel is asked. */
const refundToPrepaid = (ctx: Ctx, seen: store.RefundRow, attempt: store.AttemptRow): Promise<void> =>
  ctx.kernel.db.tx(ctx.tenantId, async tx => {
    await store.lockOrder(tx, ctx.tenantId, seen.orderId)
    const refund = await store.lockRefund(tx, ctx.tenantId, seen.id)
    if (!refund.finishedAt) await finishRefund(tx, ctx, refund, attempt, ctx.kernel.clock.now())
  })

export const notifyUrlOf = (ctx: Pick<Ctx, 'kernel' | 'tenantId'>, channel: string): string =>
  `${publicUrl(ctx.kernel.config)}/notify/${channel}/${ctx.tenantId}`

/**
 * The channel gave a refund up without paying: what was set aside is released and asked for again under a new number, in
 * one step, so that the payer's claim never lapses. False after the third time: then a person looks. Order row locked.
 */
async function repeatClosed(
  tx: Tx,
  ctx: Ctx,
  refund: store.RefundRow,
  attempt: store.AttemptRow,
  merchant: store.MerchantRow,
): Promise<boolean> {
  const { tenantId } = ctx
  const before = (await store.listRefunds(tx, tenantId, refund.orderId)).filter(
    r =>
      r.state === REFUND.closed && r.approvedBy && r.txnNo === refund.txnNo && r.line === refund.line && r.amountFen === refund.amountFen,
  )
  if (before.length >= REFUND_REPEATS_MAX) return false
  const now = ctx.kernel.clock.now()
  const open = [REFUND.approved, REFUND.submitted, REFUND.unknown, REFUND.abnormal]
  if (!(await store.moveRefund(tx, tenantId, refund.id, open, REFUND.closed, { failure: 'CLOSED', finishedAt: now }))) return false
  await post(tx, ctx, {
    code: 'REFUND_RELEASE',
    ref: documentOf(attempt.channel, refund.outRefundNo),
    about: refund.id,
    postings: [
      { accountId: merchant.refundAccountId, amount: refund.amountFen },
      { accountId: refund.fromAccountId, amount: -refund.amountFen },
    ],
  })
  // The amount reserved on the order passes to the next refund as it is.
  const order = (await store.findOrder(tx, tenantId, refund.orderId))!
  const { txnNo, amountFen, fromAccountId: from, line } = refund
  const cause = refund.cause as RefundCause
  const next = await approveAutomatically(tx, ctx, { order, attempt, txnNo, amountFen, cause, from, line })
  await store.replaceSuspenseRefund(tx, tenantId, refund.id, next)
  await append(tx, ctx, refundClosed, { subjectId: refund.orderId, body: { refund: refund.id, next } })
  return true
}

/** The money is with its payer: books it out of where it was kept. Order and refund rows locked. */
export async function finishRefund(
  tx: Tx,
  ctx: Ctx,
  refund: store.RefundRow,
  attempt: Pick<store.AttemptRow, 'channel' | 'mchid'>,
  at: Date,
  paidFrom?: number,
): Promise<void> {
  const merchant = await store.getMerchant(tx, ctx.tenantId, attempt)
  const open = [REFUND.approved, REFUND.submitted, REFUND.unknown, REFUND.abnormal]
  await store.moveRefund(tx, ctx.tenantId, refund.id, open, REFUND.succeeded, { finishedAt: at })
  await post(tx, ctx, {
    code: 'REFUND_DONE',
    ref: documentOf(attempt.channel, refund.outRefundNo),
    about: refund.id,
    effectiveAt: at,
    postings: [
      { accountId: merchant.refundAccountId, amount: refund.amountFen },
      { accountId: paidFrom ?? merchant.clearingAccountId, amount: -refund.amountFen },
    ],
  })
  if (refund.fromAccountId !== merchant.suspenseAccountId)
    await store.settleReserved(tx, ctx.tenantId, refund.orderId, refund.amountFen, true)
  else await store.resolveSuspense(tx, ctx.tenantId, refund.id, ctx.kernel.clock.now())
  await append(tx, ctx, refundSucceeded, { subjectId: refund.orderId, body: { refund: refund.id, amount_fen: refund.amountFen } })
}

/** Applies what the channel says of a refund, by notification or query; any order and repetition gives the same books. */
export async function applyRefundFact(ctx: Ctx, fact: RefundFact): Promise<void> {
  const now = ctx.kernel.clock.now()
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const seen = await store.findRefundByNo(tx, ctx.tenantId, fact.outRefundNo)
    if (!seen) return
    await store.lockOrder(tx, ctx.tenantId, seen.orderId)
    const refund = await store.lockRefund(tx, ctx.tenantId, seen.id)
    if (refund.finishedAt) {
      // Given up, asked for anew under another number, and paid after all: somebody has to talk to the channel.
      if (refund.state === REFUND.closed && fact.state === 'SUCCESS' && refund.failure !== 'refund_after_closed') {
        await store.noteRefundFailure(tx, ctx.tenantId, refund.id, 'refund_after_closed')
        await append(tx, ctx, refundAbnormal, { subjectId: refund.orderId, body: { refund: refund.id, why: 'refund_after_closed' } })
      }
      return
    }
    const attempt = (await store.findAttempt(tx, ctx.tenantId, refund.attemptId))!
    const merchant = await store.getMerchant(tx, ctx.tenantId, attempt)
    const isOther = fact.state === 'SUCCESS' && fact.amountFen !== undefined && fact.amountFen !== refund.amountFen
    if (fact.state === 'SUCCESS' && !isOther) {
      await finishRefund(tx, ctx, refund, attempt, fact.refundedAt ?? now)
    } else if (fact.state === 'CLOSED' && (await repeatClosed(tx, ctx, refund, attempt, merchant))) {
      return
    } else if (fact.state === 'ABNORMAL' || fact.state === 'CLOSED' || isOther) {
      // Money of another sum than asked for is booked by nobody: it waits for a person as it is.
      const why = isOther ? 'refund_other_amount' : fact.state
      const moved = await store.moveRefund(
        tx,
        ctx.tenantId,
        refund.id,
        [REFUND.approved, REFUND.submitted, REFUND.unknown],
        REFUND.abnormal,
        { failure: why },
      )
      if (moved) await append(tx, ctx, refundAbnormal, { subjectId: refund.orderId, body: { refund: refund.id, why } })
    }
  })
  ctx.kernel.live.publish(`refund:${fact.outRefundNo}`)
}

import { type Ctx, systemCtx } from '#kernel/context.ts'
import { isUniqueViolation, type Tx } from '#kernel/db/index.ts'
import { ensureAccount, findBooking, post } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { coalesce } from '../coalescer.ts'
import { confirmMany, type PaidFact } from '../confirm.ts'
import { paymentSuspended } from '../events.ts'
import { ATTEMPT, CASH, DEBIT, documentOf, ORDER, PREPAID } from '../model.ts'
import type { TradeFact } from '../ports.ts'
import * as store from '../store.ts'
import { approveAutomatically } from './refunds.ts'

export type Recorded = 'applied' | 'duplicate' | 'suspended' | 'unknown_attempt' | 'conflict'

// One queue per tenant and process; weak, so that a closed kernel takes its queues with it.
const queues = new WeakMap<object, Map<number, (fact: PaidFact) => Promise<boolean>>>()

function queueOf(ctx: Ctx): (fact: PaidFact) => Promise<boolean> {
  const { kernel, tenantId } = ctx
  const ofKernel = queues.get(kernel) ?? new Map()
  queues.set(kernel, ofKernel)
  let queue = ofKernel.get(tenantId)
  if (!queue) {
    const system = systemCtx(kernel, tenantId, 'payments.confirm')
    queue = coalesce<PaidFact, boolean>(facts => confirmMany(kernel.db, system, facts))
    ofKernel.set(tenantId, queue)
  }
  return queue
}

/**
 * Records a verified payment, once, whatever the order and number of times it is told. Money that belongs to no open
 * order goes to suspense and back to the payer; another amount waits for a person.
 */
export async function recordPaid(ctx: Ctx, fact: PaidFact): Promise<Recorded> {
  try {
    if (await queueOf(ctx)(fact)) return published(ctx, fact, 'applied')
  } catch (error) {
    // The channel's number is booked already: a repeat from another side, settled below.
    if (!isUniqueViolation(error)) throw error
  }
  return published(ctx, fact, await ctx.kernel.db.tx(ctx.tenantId, tx => settleOddFact(tx, ctx, fact)))
}

/**
 * Records what a channel says was paid, with what the payer gave after its discounts: that first, since the receipt is shown the moment
 * the payment is known.
 */
export async function recordTrade(
  ctx: Ctx,
  attemptId: string,
  fact: TradeFact & { readonly channelTxnNo: string; readonly amountFen: number },
  event?: PaidFact['event'],
): Promise<Recorded> {
  const { channelTxnNo: txnNo, amountFen, payerTotalFen, paidAt = ctx.kernel.clock.now() } = fact
  if (payerTotalFen !== undefined && payerTotalFen < amountFen)
    await ctx.kernel.db.tx(ctx.tenantId, tx => store.insertPayerTotal(tx, ctx.tenantId, attemptId, payerTotalFen))
  return recordPaid(ctx, { attemptId, txnNo, amountFen, paidAt, ...(event && { event }) })
}

function published(ctx: Ctx, fact: PaidFact, recorded: Recorded): Recorded {
  ctx.kernel.live.publish(`attempt:${fact.attemptId}`)
  return recorded
}

/**
 * Money that did not simply pay its order: told before, late, twice, or another amount. `why`, where the caller knows better:
 * nobody knows what it was meant to pay, nothing was owed, or a person decides about its order anyway.
 */
export async function settleOddFact(tx: Tx, ctx: Ctx, fact: PaidFact, why?: 'bill_unknown' | 'not_due' | 'amount'): Promise<Recorded> {
  const { tenantId, kernel } = ctx
  const seen = await store.findAttempt(tx, tenantId, fact.attemptId)
  if (!seen) return 'unknown_attempt'
  const order = await store.lockOrder(tx, tenantId, seen.orderId)
  // Read again under the order's lock: whoever makes an attempt succeed holds it.
  const attempt = (await store.findAttempt(tx, tenantId, fact.attemptId))!
  const now = kernel.clock.now()
  if (fact.event) await store.insertChannelEvent(tx, tenantId, attempt.channel, fact.event, attempt.id, now)
  const ref = documentOf(attempt.channel, fact.txnNo)
  const booked = await findBooking(tx, tenantId, ref)
  if (booked) return booked.about === attempt.id && booked.amount === fact.amountFen ? 'duplicate' : 'conflict'
  // Only an order still open waits for a person to decide about another amount: nothing else can become of the money.
  const isOdd = order.state === ORDER.open && fact.amountFen !== attempt.amountFen
  const reason = why ?? (isOdd ? 'amount' : order.state === ORDER.paid ? 'duplicate_pay' : 'late_pay')
  const isForPeople = reason === 'amount' || reason === 'bill_unknown'
  const merchant = await store.getMerchant(tx, tenantId, attempt)
  const isNew = await post(tx, ctx, {
    code: 'LATE',
    ref,
    about: attempt.id,
    effectiveAt: fact.paidAt,
    postings: [
      { accountId: merchant.clearingAccountId, amount: fact.amountFen },
      { accountId: merchant.suspenseAccountId, amount: -fact.amountFen },
    ],
  })
  // Told for another attempt in the same moment.
  if (!isNew) return 'conflict'
  const { txnNo, amountFen } = fact
  await store.moveAttempt(tx, tenantId, attempt.id, [1, 2, 3, 4, 6, 7, 8], ATTEMPT.succeeded, { txnNo, succeededAt: fact.paidAt })
  if (isForPeople) await store.markMismatch(tx, tenantId, order.id)
  const refundId = isForPeople
    ? null
    : await approveAutomatically(tx, ctx, {
        order,
        attempt,
        txnNo,
        amountFen,
        cause: reason,
        from: merchant.suspenseAccountId,
        line: null,
      })
  await store.insertSuspense(tx, tenantId, {
    attemptId: attempt.id,
    txnNo,
    orderId: order.id,
    reason,
    amountFen,
    refundId,
    at: now,
  })
  await append(tx, ctx, paymentSuspended, { subjectId: order.id, body: { attempt: attempt.id, reason, amount_fen: amountFen } })
  return 'suspended'
}

/** Opens (or finds) the merchant account of a channel with its three ledger accounts. */
export const ensureMerchant = (ctx: Ctx, channel: string, mchid: string): Promise<void> =>
  ctx.kernel.db.tx(ctx.tenantId, tx => ensureMerchantIn(tx, ctx, channel, mchid))

/** Class of the account a channel's money comes in on: cash is kept in a drawer, debits are on their way by batch, a balance is owed already. */
const CLEARING: Readonly<Record<string, string>> = { [CASH]: '1001', [DEBIT]: '1013', [PREPAID]: '2203' }

export async function ensureMerchantIn(tx: Tx, ctx: Ctx, channel: string, mchid: string): Promise<void> {
  await store.insertMerchant(tx, ctx.tenantId, {
    channel,
    mchid,
    clearingAccountId: await ensureAccount(tx, ctx, CLEARING[channel] ? `${CLEARING[channel]}:${mchid}` : `1012:${channel}:${mchid}`),
    suspenseAccountId: await ensureAccount(tx, ctx, `2249:${channel}`),
    refundAccountId: await ensureAccount(tx, ctx, `2241:${channel}`),
    openedAt: ctx.kernel.clock.now(),
  })
}

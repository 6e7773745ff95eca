import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { findChannel } from '../channels.ts'
import { errors } from '../errors.ts'
import { attemptAccepted, attemptClosed, attemptClosing, attemptFailed, attemptSubmitted, attemptUnknown, orderClosed } from '../events.ts'
import { ATTEMPT, askAgainAfterMs, type CloseReason, DEBIT, NEVER_EXISTED_GRACE_MS, ORDER, outTradeNoOf } from '../model.ts'
import type { CreateInput, CreateOutcome } from '../ports.ts'
import * as store from '../store.ts'
import { recordTrade } from './facts.ts'

/** How the payer gets to the wallet. */
export interface Launch {
  readonly redirectUrl?: string
  readonly codeUrl?: string
  readonly jsapi?: Record<string, string>
}

export interface StartAttempt {
  readonly orderId: string
  readonly channel: string
  readonly product: CreateInput['product']
  readonly notifyUrl: string
  readonly returnUrl: string
  readonly clientIp: string
  readonly openid?: string
}

export type Started = { readonly attemptId: string; readonly state: 'pending' | 'unknown' | 'failed'; readonly launch?: Launch }

const OPEN_STATES: readonly number[] = [ATTEMPT.init, ATTEMPT.submitted, ATTEMPT.pending, ATTEMPT.unknown, ATTEMPT.closing]

/**
 * Sends an order to a channel. The attempt is written before the call, so that a crash at any point leaves something to
 * ask about. A second click gets the launch of the first; a time-out is unknown, never failed.
 */
export async function startAttempt(ctx: Ctx, input: StartAttempt): Promise<Result<Started>> {
  const channel = findChannel(ctx.tenantId, input.channel)
  if (!channel) return fail(errors.channel_not_available, { channel: input.channel })
  const prepared = await ctx.kernel.db.tx(ctx.tenantId, tx => prepareAttempt(tx, ctx, input))
  if (!prepared.ok || prepared.value.started) return prepared.ok ? ok(prepared.value.started!) : prepared
  const { attempt, order } = prepared.value
  const outcome = await channel.create({
    outTradeNo: attempt.outTradeNo,
    amountFen: attempt.amountFen,
    title: order.title,
    expireAt: attempt.expiresAt,
    notifyUrl: input.notifyUrl,
    returnUrl: input.returnUrl,
    product: input.product,
    clientIp: input.clientIp,
    ...(input.openid && { openid: input.openid }),
  })
  await ctx.kernel.db.tx(ctx.tenantId, tx => applyCreated(tx, ctx, attempt.id, order.id, outcome))
  const { kind: _, ...launch } = outcome.kind === 'accepted' ? outcome : { kind: '' }
  return ok({
    attemptId: attempt.id,
    state: outcome.kind === 'accepted' ? 'pending' : outcome.kind === 'refused' ? 'failed' : 'unknown',
    launch,
  })
}

interface Prepared {
  readonly started?: Started
  readonly attempt: { readonly id: string; readonly outTradeNo: string; readonly amountFen: number; readonly expiresAt: Date }
  readonly order: store.OrderRow
}

async function prepareAttempt(tx: Tx, ctx: Ctx, input: StartAttempt): Promise<Result<Prepared>> {
  const order = await store.lockOrder(tx, ctx.tenantId, input.orderId)
  const now = ctx.kernel.clock.now()
  if (order.state !== ORDER.open || order.mismatch || order.expiresAt <= now) return fail(errors.order_not_open)
  const open = (await store.listAttempts(tx, ctx.tenantId, order.id)).find(attempt => OPEN_STATES.includes(attempt.state))
  if (open) {
    const same = open.channel === input.channel && open.product === input.product && open.launch !== null
    return same
      ? ok({ started: { attemptId: open.id, state: 'pending', launch: open.launch as Launch }, attempt: open, order })
      : fail(errors.attempt_in_progress, { attempt: open.id })
  }
  const merchant = await store.findMerchant(tx, ctx.tenantId, input.channel)
  if (!merchant) return fail(errors.channel_not_available, { channel: input.channel })
  const lines = await store.listLines(tx, ctx.tenantId, order.id)
  const id = makeId(ctx)
  const attempt = {
    id,
    orderId: order.id,
    channel: input.channel,
    mchid: merchant.mchid,
    product: input.product,
    outTradeNo: outTradeNoOf(ctx.tenantId, id),
    amountFen: order.amountFen,
    createdAt: now,
    expiresAt: order.expiresAt,
    // PAY: debit the channel's clearing account, credit each payee.
    accounts: [merchant.clearingAccountId, ...lines.map(line => line.payeeAccountId)],
    amounts: [order.amountFen, ...lines.map(line => -line.amountFen)],
  }
  await store.insertAttempt(tx, ctx.tenantId, attempt)
  await store.upsertOpenAttempt(tx, ctx.tenantId, order.id, id, addMs(now, askAgainAfterMs(0)))
  await store.moveAttempt(tx, ctx.tenantId, id, [ATTEMPT.init], ATTEMPT.submitted)
  await append(tx, ctx, attemptSubmitted, {
    subjectId: order.id,
    body: { attempt: id, channel: input.channel, product: input.product, out_trade_no: attempt.outTradeNo },
  })
  return ok({ attempt, order })
}

async function applyCreated(tx: Tx, ctx: Ctx, attemptId: string, orderId: string, outcome: CreateOutcome): Promise<void> {
  const from = [ATTEMPT.submitted]
  if (outcome.kind === 'accepted') {
    const { kind: _, ...launch } = outcome
    if (await store.moveAttempt(tx, ctx.tenantId, attemptId, from, ATTEMPT.pending, { launch })) {
      await append(tx, ctx, attemptAccepted, { subjectId: orderId, body: { attempt: attemptId } })
    }
  } else if (outcome.kind === 'refused') {
    const why = `${outcome.code}: ${outcome.message}`.slice(0, 200)
    if (await store.moveAttempt(tx, ctx.tenantId, attemptId, from, ATTEMPT.failed, { failure: why })) {
      await append(tx, ctx, attemptFailed, { subjectId: orderId, body: { attempt: attemptId, why } })
      await finishOrder(tx, ctx, orderId, 'attempt_refused')
    }
  } else if (await store.moveAttempt(tx, ctx.tenantId, attemptId, from, ATTEMPT.unknown, { failure: outcome.why.slice(0, 200) })) {
    await append(tx, ctx, attemptUnknown, { subjectId: orderId, body: { attempt: attemptId, why: outcome.why.slice(0, 200) } })
  }
}

/** Closes an order nobody can pay any more and frees its subjects. Nothing happens to one that was paid. */
export async function finishOrder(tx: Tx, ctx: Ctx, orderId: string, why: CloseReason): Promise<void> {
  if ((await store.closeOrder(tx, ctx.tenantId, orderId, why)) === 1) {
    await store.deleteClaims(tx, ctx.tenantId, orderId)
    await append(tx, ctx, orderClosed, { subjectId: orderId, body: { why } })
    tx.afterCommit(() => ctx.kernel.live.publish(`order:${orderId}`))
  }
  await store.deleteOpenAttempt(tx, ctx.tenantId, orderId)
}

/**
 * Closes the order's open attempt at the channel, then the order. The channel has the last word: if it says paid, the
 * payment stands. Answers what became of it. A debit cannot be called back: it is over when the bank says so.
 */
export async function closeOrder(ctx: Ctx, orderId: string, why: CloseReason): Promise<'closed' | 'paid' | 'unknown'> {
  const { db } = ctx.kernel
  const attempt = await db.tx(ctx.tenantId, async tx => {
    const order = await store.lockOrder(tx, ctx.tenantId, orderId)
    // Another amount was paid: the order and its subjects stay taken until somebody has decided.
    if (order.state !== ORDER.open || order.mismatch) return undefined
    if (order.place === DEBIT) return undefined
    const open = (await store.listAttempts(tx, ctx.tenantId, orderId)).find(a => OPEN_STATES.includes(a.state))
    if (!open) {
      await finishOrder(tx, ctx, orderId, why)
      return undefined
    }
    if (
      await store.moveAttempt(
        tx,
        ctx.tenantId,
        open.id,
        [ATTEMPT.init, ATTEMPT.submitted, ATTEMPT.pending, ATTEMPT.unknown],
        ATTEMPT.closing,
      )
    ) {
      await append(tx, ctx, attemptClosing, { subjectId: orderId, body: { attempt: open.id, why } })
    }
    return open
  })
  if (!attempt) {
    const order = await db.read(ctx.tenantId, tx => store.findOrder(tx, ctx.tenantId, orderId))
    if (order?.state === ORDER.open && order.place === DEBIT) return 'unknown'
    return order?.state === ORDER.paid || order?.mismatch ? 'paid' : 'closed'
  }
  const channel = findChannel(ctx.tenantId, attempt.channel)
  if (!channel) return 'unknown'
  const closing = await channel.close(attempt.outTradeNo)
  if (closing.kind === 'paid') return (await askChannel(ctx, attempt)) === 'paid' ? 'paid' : 'unknown'
  if (closing.kind === 'unknown') return 'unknown'
  // A channel that does not know a fresh order may still receive our creation: the janitor asks again after the grace.
  // A code to scan that was handed out and that nobody scanned is not known there either; its creation has arrived.
  const isUnscanned = attempt.product === 'precreate' && attempt.launch !== null
  if (closing.kind === 'notfound' && !isUnscanned && !isPastGrace(ctx, attempt)) return 'unknown'
  await db.tx(ctx.tenantId, async tx => {
    await store.lockOrder(tx, ctx.tenantId, orderId)
    if (await store.moveAttempt(tx, ctx.tenantId, attempt.id, [ATTEMPT.closing], ATTEMPT.closed)) {
      await append(tx, ctx, attemptClosed, { subjectId: orderId, body: { attempt: attempt.id } })
      await finishOrder(tx, ctx, orderId, why)
    }
  })
  return 'closed'
}

const isPastGrace = (ctx: Ctx, attempt: store.AttemptRow): boolean =>
  ctx.kernel.clock.now().getTime() - attempt.createdAt.getTime() > NEVER_EXISTED_GRACE_MS

/** Asks the channel how an attempt stands and applies the answer. */
export async function askChannel(ctx: Ctx, attempt: store.AttemptRow): Promise<'paid' | 'unpaid' | 'gone' | 'unknown'> {
  const channel = findChannel(ctx.tenantId, attempt.channel)
  if (!channel) return 'unknown'
  const answer = await channel.query(attempt.outTradeNo)
  if (answer.kind === 'unknown') return 'unknown'
  const { fact } = answer
  if (fact.state === 'SUCCESS' || fact.state === 'REFUND') {
    if (!fact.channelTxnNo || fact.amountFen === undefined) return 'unknown'
    await recordTrade(ctx, attempt.id, { ...fact, channelTxnNo: fact.channelTxnNo, amountFen: fact.amountFen })
    return 'paid'
  }
  return fact.state === 'CLOSED' || fact.state === 'NOTFOUND' ? 'gone' : 'unpaid'
}

/** One due row of the janitor's queue: ask, then close what has expired and can no longer be paid. */
export async function lookAfter(ctx: Ctx, due: { attemptId: string; orderId: string; tries: number }): Promise<void> {
  const { db, clock } = ctx.kernel
  const [attempt, order] = await db.read(ctx.tenantId, async tx => [
    await store.findAttempt(tx, ctx.tenantId, due.attemptId),
    await store.findOrder(tx, ctx.tenantId, due.orderId),
  ])
  if (!attempt || !order || order.state !== ORDER.open || order.mismatch) {
    await db.tx(ctx.tenantId, tx => store.deleteOpenAttempt(tx, ctx.tenantId, due.orderId))
    return
  }
  const expired = order.expiresAt <= clock.now()
  if (!OPEN_STATES.includes(attempt.state)) {
    if (expired) await closeOrder(ctx, order.id, 'expired')
    return
  }
  const answer = await askChannel(ctx, attempt)
  if (answer === 'paid') return
  const unusable = answer !== 'unknown' && attempt.launch === null && isPastGrace(ctx, attempt)
  if (attempt.state === ATTEMPT.closing || expired || (answer === 'gone' && isPastGrace(ctx, attempt)) || unusable)
    await closeOrder(ctx, order.id, expired ? 'expired' : 'unusable')
}

import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { dayOf } from '#kernel/time.ts'
import { findOpenSession } from '../cash/store.ts'
import { confirmIn } from '../confirm.ts'
import { errors } from '../errors.ts'
import { ORDER, outTradeNoOf, REFUND } from '../model.ts'
import { StatementRefused } from '../ports.ts'
import { type Reconciled, reconcileStatement, type StatementFile } from '../reconcile/service.ts'
import { ensureMerchantIn } from '../service/facts.ts'
import { finishRefund } from '../service/refunds.ts'
import * as payments from '../store.ts'
import { CARD, cardNo, readLast4, readReference, readTerminal } from './model.ts'
import { linesOfTerminal, parseCardFile } from './statement.ts'
import * as store from './store.ts'

const LISTED_MAX = 100

/** What a clerk reads off the terminal's slip. */
export interface Slip {
  readonly terminal: string
  readonly reference: string
  readonly last4: string
}

function readSlip(typed: Slip): Slip {
  const terminal = readTerminal(typed.terminal) ?? unwrap<string>(fail(errors.card_terminal, undefined, 'terminal'))
  const reference = readReference(typed.reference) ?? unwrap<string>(fail(errors.card_reference, undefined, 'reference'))
  const last4 = readLast4(typed.last4) ?? unwrap<string>(fail(errors.card_last4, undefined, 'last4'))
  return { terminal, reference, last4 }
}

export interface CardTaken {
  readonly orderId: string
  readonly amountFen: number
}

/**
 * Pays an open order by what a terminal's slip says, in the caller's transaction: the terminal has the money already, so its
 * reference and the booking are one step, and a reference counts once a day. Throws AppFailure.
 */
export async function payOrderByCard(tx: Tx, ctx: Ctx, input: Slip & { readonly orderId: string }): Promise<CardTaken> {
  const { tenantId } = ctx
  const slip = readSlip(input)
  if (!(await findOpenSession(tx, tenantId, ctx.actor.id))) return unwrap(fail(errors.no_open_drawer))
  const order = await payments.lockOrder(tx, tenantId, input.orderId)
  if (order.state !== ORDER.open || order.mismatch) return unwrap(fail(errors.order_not_open))
  const now = ctx.kernel.clock.now()
  const { terminal } = slip
  await ensureMerchantIn(tx, ctx, CARD, terminal)
  const merchant = await payments.getMerchant(tx, tenantId, { channel: CARD, mchid: terminal })
  const lines = await payments.listLines(tx, tenantId, order.id)
  const attemptId = makeId(ctx)
  const { id: orderId, amountFen } = order
  const key = { ...slip, day: dayOf(now) }
  const move = { ...key, orderId, refundId: null, amountFen, clerkId: ctx.actor.id, at: now }
  if (!(await store.insertCardMove(tx, tenantId, move))) return unwrap(fail(errors.card_reference_used, undefined, 'reference'))
  await payments.insertAttempt(tx, tenantId, {
    ...{ id: attemptId, orderId, channel: CARD, mchid: terminal, product: CARD, outTradeNo: outTradeNoOf(tenantId, attemptId) },
    ...{ amountFen, createdAt: now, expiresAt: order.expiresAt },
    accounts: [merchant.clearingAccountId, ...lines.map(line => line.payeeAccountId)],
    amounts: [amountFen, ...lines.map(line => -line.amountFen)],
  })
  const fact = { attemptId, txnNo: cardNo(key), amountFen, paidAt: now }
  if (!(await confirmIn(tx, ctx, fact))) throw new Error(`card payment of order ${orderId} was not booked`)
  return { orderId, amountFen }
}

/** A clerk has given agreed money back on the terminal and says under which reference. Booked once. */
export async function confirmCardRefund(
  ctx: Ctx,
  input: { readonly refundId: string; readonly reference: string },
): Promise<Result<CardTaken>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  const reference = readReference(input.reference)
  if (!reference) return fail(errors.card_reference, undefined, 'reference')
  return catching(() =>
    ctx.kernel.db.tx(tenantId, async tx => {
      const waiting = await store.listCardPayouts(tx, tenantId, LISTED_MAX)
      const seen = isUuid(input.refundId) ? waiting.find(row => row.refundId === input.refundId) : undefined
      if (!seen) return unwrap(fail(errors.payout_not_found))
      await payments.lockOrder(tx, tenantId, seen.orderId)
      const refund = await payments.lockRefund(tx, tenantId, seen.refundId)
      if (refund.state !== REFUND.approved) return unwrap(fail(errors.payout_not_found))
      const attempt = (await payments.findAttempt(tx, tenantId, refund.attemptId))!
      const now = ctx.kernel.clock.now()
      const key = { terminal: seen.terminal, day: dayOf(now), reference }
      const { orderId, amountFen } = refund
      const move = { ...key, orderId, refundId: refund.id, amountFen: -amountFen, last4: seen.last4, clerkId: ctx.actor.id, at: now }
      if (!(await store.insertCardMove(tx, tenantId, move))) return unwrap(fail(errors.card_reference_used, undefined, 'reference'))
      // The acquirer states it by the terminal's number: that is the document.
      await finishRefund(tx, ctx, { ...refund, outRefundNo: cardNo(key) }, attempt, now)
      return { orderId, amountFen }
    }),
  )
}

export interface CardDesk {
  readonly lastTerminal: string
  readonly payouts: readonly store.CardPayoutRow[]
}

/** What a clerk at a terminal needs: the terminal used last, and the refunds to be made on one. */
export async function viewCardDesk(ctx: Ctx): Promise<Result<CardDesk>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok({
      lastTerminal: (await store.findLastTerminal(tx, ctx.tenantId, ctx.actor.id))?.terminal ?? '',
      payouts: await store.listCardPayouts(tx, ctx.tenantId, LISTED_MAX),
    }),
  )
}

/**
 * Compares the acquirer's statement of a day, terminal by terminal: each has a clearing account of its own. The file is read whole
 * before the first is compared; a terminal nobody took a card on refuses it. Throws StatementRefused.
 */
export async function bringCardStatement(
  ctx: Ctx,
  input: { readonly day: string; readonly file: StatementFile },
): Promise<Result<Reconciled>> {
  const allowed = permit(ctx, 'payments.reconcile.decide')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  const file = parseCardFile(Buffer.concat([...input.file.pieces()]), input.day)
  const terminals = (await ctx.kernel.db.read(tenantId, tx => store.listTerminals(tx, tenantId))).map(row => row.mchid)
  const unknown = file.rows.findIndex(row => !terminals.includes(row.terminal))
  if (unknown >= 0) throw new StatementRefused('terminal', unknown + 2, file.rows[unknown]!.terminal)
  let last: Result<Reconciled> = fail(errors.channel_not_available, { channel: CARD })
  for (const mchid of terminals) {
    const read = () => linesOfTerminal(file, mchid)
    const done = await reconcileStatement(ctx, { channel: CARD, day: input.day, file: input.file, mchid, read })
    if (!done.ok) return done
    last = last.ok && last.value.outcome === 'reconciled' ? last : done
  }
  return last
}

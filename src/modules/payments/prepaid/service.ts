import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { ensureAccount, mapBalances } from '#modules/ledger/index.ts'
import { confirmIn } from '../confirm.ts'
import { errors } from '../errors.ts'
import { ORDER, outTradeNoOf, PREPAID } from '../model.ts'
import { ensureMerchantIn } from '../service/facts.ts'
import * as payments from '../store.ts'
import { balanceOf } from './balance.ts'
import * as store from './store.ts'

export type PrepaidMove = Awaited<ReturnType<typeof store.listPrepaidMoves>>[number]

/** The account money paid in advance for a subject is owed on; opened by who tops it up first. */
export async function ensurePrepaid(tx: Tx, ctx: Ctx, input: { readonly id: string; readonly payer: string }): Promise<number> {
  await ensureMerchantIn(tx, ctx, PREPAID, input.id)
  const ledgerAccountId = await ensureAccount(tx, ctx, `2203:${input.id}`)
  await store.upsertPrepaid(tx, ctx.tenantId, { ...input, ledgerAccountId }, ctx.kernel.clock.now())
  return ledgerAccountId
}

export interface Prepaid {
  readonly id: string
  readonly payer: string
  readonly balanceFen: number
}

/** Money held for a subject, as of this instant; undefined where there never was any. */
export async function findPrepaid(tx: Tx, tenantId: number, id: string): Promise<Prepaid | undefined> {
  const row = await store.findPrepaid(tx, tenantId, id)
  return row && { id, payer: row.payer, balanceFen: await balanceOf(tx, tenantId, row) }
}

/** Subjects with money held for them, after an id and in its order; `last` while there may be more. */
export async function listPrepaid(
  tx: Tx,
  tenantId: number,
  after: string,
  limit: number,
): Promise<{ readonly held: Prepaid[]; readonly last?: string }> {
  const rows = await store.listPrepaid(tx, tenantId, after, limit)
  const balances = await mapBalances(
    tx,
    tenantId,
    rows.map(row => row.ledgerAccountId),
  )
  const held = rows.map(row => ({ id: row.id, payer: row.payer, balanceFen: 0 - (balances.get(row.ledgerAccountId) ?? 0) }))
  return { held: held.filter(one => one.balanceFen > 0), ...(rows.length === limit && { last: rows.at(-1)!.id }) }
}

const MOVES_MAX = 60

/** What came in and what was taken, the newest first. */
export async function listPrepaidMoves(tx: Tx, tenantId: number, id: string): Promise<PrepaidMove[]> {
  const row = await store.findPrepaid(tx, tenantId, id)
  return row ? store.listPrepaidMoves(tx, tenantId, row, MOVES_MAX) : []
}

/**
 * Pays an open order out of what is held, and books it, in the caller's transaction. The row of the balance is locked first, so that
 * no fen is spent twice.
 */
export async function payFromPrepaid(tx: Tx, ctx: Ctx, input: { readonly orderId: string; readonly id: string }): Promise<Result<void>> {
  const { tenantId } = ctx
  const row = await store.lockPrepaid(tx, tenantId, input.id)
  const order = await payments.lockOrder(tx, tenantId, input.orderId)
  if (!row || (await balanceOf(tx, tenantId, row)) < order.amountFen) return fail(errors.prepaid_too_little)
  if (order.state !== ORDER.open || order.mismatch) return fail(errors.order_not_open)
  const merchant = await payments.getMerchant(tx, tenantId, { channel: PREPAID, mchid: row.id })
  const lines = await payments.listLines(tx, tenantId, order.id)
  const attemptId = makeId(ctx)
  const now = ctx.kernel.clock.now()
  await payments.insertAttempt(tx, tenantId, {
    ...{ id: attemptId, orderId: order.id, channel: PREPAID, mchid: row.id, product: PREPAID },
    ...{ outTradeNo: outTradeNoOf(tenantId, attemptId), amountFen: order.amountFen, createdAt: now, expiresAt: order.expiresAt },
    accounts: [merchant.clearingAccountId, ...lines.map(line => line.payeeAccountId)],
    amounts: [order.amountFen, ...lines.map(line => -line.amountFen)],
  })
  if (!(await confirmIn(tx, ctx, { attemptId, txnNo: attemptId, amountFen: order.amountFen, paidAt: now })))
    throw new Error(`order ${order.id} was not booked from the balance ${row.id}`)
  return ok(undefined)
}

import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { ensureAccount, post } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { confirmIn } from '../confirm.ts'
import { errors } from '../errors.ts'
import { cashVoidAsked, cashVoidDeclined, drawerClosed, drawerOpened } from '../events.ts'
import { CASH, ORDER, outTradeNoOf, REFUND } from '../model.ts'
import { ensureMerchantIn } from '../service/facts.ts'
import { actorKey, finishRefund } from '../service/refunds.ts'
import * as payments from '../store.ts'
import { isDrawerName, readCount } from './model.ts'
import * as store from './store.ts'

export type DrawerSession = store.SessionRow

type Typed = Readonly<Record<string, string | undefined>>

const accountOf = (session: Pick<store.SessionRow, 'drawer'>): string => `1001:${session.drawer}`

/** Begins a cashier's turn at a drawer with what is in it, counted by denomination. A drawer has one cashier, a cashier one drawer. */
export async function openDrawer(ctx: Ctx, input: { readonly drawer: string; readonly pieces: Typed }): Promise<Result<DrawerSession>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  const drawer = input.drawer.normalize('NFKC').trim()
  if (!isDrawerName(drawer)) return fail(errors.drawer_name, undefined, 'drawer')
  const counted = readCount(input.pieces)
  if (!counted.ok) return counted
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const { count, fen: openingFen } = counted.value
      const session = { id: makeId(ctx), drawer, cashierId: ctx.actor.id, openedAt: ctx.kernel.clock.now(), openingFen }
      await ensureMerchantIn(tx, ctx, CASH, drawer)
      if ((await store.insertSession(tx, ctx.tenantId, { ...session, count })) === 0)
        return unwrap(fail(errors.drawer_taken, { drawer }, 'drawer'))
      await append(tx, ctx, drawerOpened, { subjectId: session.id, body: { drawer, opening_fen: openingFen } })
      return { ...session, lastSeq: 0, closedAt: null, expectedFen: null, countedFen: null }
    }),
  )
}

async function takeSession(tx: Tx, ctx: Ctx): Promise<store.SessionRow> {
  return (await store.lockOpenSession(tx, ctx.tenantId, ctx.actor.id)) ?? unwrap(fail(errors.no_open_drawer))
}

export interface CashTaken {
  readonly orderId: string
  readonly amountFen: number
  readonly tenderedFen: number
  readonly changeFen: number
  /** Number of the move in its session. */
  readonly seq: number
}

/** Who pays at a window, as orders know them. */
export const windowPayer = (session: Pick<store.SessionRow, 'id'>): string => `window:${session.id}`

/**
 * Takes an open order's money into the caller's own drawer and books it, in the caller's transaction: there is no moment in
 * which one is true without the other.
 */
export async function payOrderInCash(
  tx: Tx,
  ctx: Ctx,
  input: { readonly orderId: string; readonly tenderedFen: number },
): Promise<CashTaken> {
  const { tenantId } = ctx
  const session = await takeSession(tx, ctx)
  const order = await payments.lockOrder(tx, tenantId, input.orderId)
  if (order.state !== ORDER.open || order.mismatch) return unwrap(fail(errors.order_not_open))
  const { tenderedFen } = input
  if (!Number.isSafeInteger(tenderedFen) || tenderedFen < order.amountFen)
    return unwrap(fail(errors.tendered_too_small, { amount: order.amountFen }, 'tendered'))
  const now = ctx.kernel.clock.now()
  const merchant = await payments.getMerchant(tx, tenantId, { channel: CASH, mchid: session.drawer })
  const lines = await payments.listLines(tx, tenantId, order.id)
  const attemptId = makeId(ctx)
  const seq = session.lastSeq + 1
  await payments.insertAttempt(tx, tenantId, {
    ...{
      id: attemptId,
      orderId: order.id,
      channel: CASH,
      mchid: session.drawer,
      product: CASH,
      outTradeNo: outTradeNoOf(tenantId, attemptId),
    },
    ...{ amountFen: order.amountFen, createdAt: now, expiresAt: order.expiresAt },
    accounts: [merchant.clearingAccountId, ...lines.map(line => line.payeeAccountId)],
    amounts: [order.amountFen, ...lines.map(line => -line.amountFen)],
  })
  const fact = { attemptId, txnNo: `${session.id}-${seq}`, amountFen: order.amountFen, paidAt: now }
  if (!(await confirmIn(tx, ctx, fact))) throw new Error(`cash for order ${order.id} was not booked`)
  const move = { seq, orderId: order.id, refundId: null, amountFen: order.amountFen, tenderedFen, movedAt: now }
  await store.insertMove(tx, tenantId, session.id, move)
  return { orderId: order.id, amountFen: order.amountFen, tenderedFen, changeFen: tenderedFen - order.amountFen, seq }
}

/** Pays agreed cash back out of the caller's drawer, once. */
export async function payOutCash(ctx: Ctx, refundId: string): Promise<Result<{ readonly amountFen: number; readonly orderId: string }>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  return catching(() =>
    ctx.kernel.db.tx(tenantId, async tx => {
      const session = await takeSession(tx, ctx)
      const seen = isUuid(refundId) ? await payments.findRefund(tx, tenantId, refundId) : undefined
      const attempt = seen && (await payments.findAttempt(tx, tenantId, seen.attemptId))
      if (!seen || attempt?.channel !== CASH) return unwrap(fail(errors.payout_not_found))
      await payments.lockOrder(tx, tenantId, seen.orderId)
      const refund = await payments.lockRefund(tx, tenantId, seen.id)
      if (refund.state !== REFUND.approved) return unwrap(fail(errors.payout_not_found))
      const now = ctx.kernel.clock.now()
      const { amountFen, orderId } = refund
      await finishRefund(tx, ctx, refund, attempt, now, await ensureAccount(tx, ctx, accountOf(session)))
      const move = { seq: session.lastSeq + 1, orderId, refundId: refund.id, amountFen: -amountFen, tenderedFen: null, movedAt: now }
      await store.insertMove(tx, tenantId, session.id, move)
      return { amountFen, orderId }
    }),
  )
}

export interface DrawerClosed {
  readonly session: DrawerSession
  /** Counted less expected: positive is over, negative short. */
  readonly overFen: number
}

/**
 * Ends the turn by a blind count: what should be there is worked out, and told, only once the count is in. Over and short are
 * booked to the cashier.
 */
export async function closeDrawer(ctx: Ctx, input: { readonly pieces: Typed }): Promise<Result<DrawerClosed>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  const counted = readCount(input.pieces)
  if (!counted.ok) return counted
  const { tenantId, kernel } = ctx
  return catching(() =>
    kernel.db.tx(tenantId, async tx => {
      const session = await takeSession(tx, ctx)
      const { count, fen: countedFen } = counted.value
      const expectedFen = session.openingFen + (await store.sumMoves(tx, tenantId, session.id)).fen
      const at = kernel.clock.now()
      await store.closeSession(tx, tenantId, session.id, { at, count, expectedFen, countedFen })
      const overFen = countedFen - expectedFen
      if (overFen !== 0)
        await post(tx, ctx, {
          code: 'CASH_DIFF',
          ref: `drawer:${session.id}`,
          about: session.id,
          effectiveAt: at,
          postings: [
            { accountId: await ensureAccount(tx, ctx, accountOf(session)), amount: overFen },
            { accountId: await ensureAccount(tx, ctx, `1221:${session.cashierId}`), amount: -overFen },
          ],
        })
      const body = { drawer: session.drawer, expected_fen: expectedFen, counted_fen: countedFen, moves: session.lastSeq }
      await append(tx, ctx, drawerClosed, { subjectId: session.id, body })
      return { session: { ...session, closedAt: at, expectedFen, countedFen }, overFen }
    }),
  )
}

export interface DrawerView {
  /** Without what should be in the drawer: the closing count is blind. */
  readonly session: DrawerSession | undefined
  readonly lastDrawer: string | undefined
  readonly moves: readonly store.ShownMove[]
  readonly taken: number
  readonly payouts: readonly store.PayoutRow[]
}

const MOVES_SHOWN = 20
const LISTED_MAX = 100

/** A cashier's own drawer as it stands. */
export async function viewDrawer(ctx: Ctx): Promise<Result<DrawerView>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  return ctx.kernel.db.read(tenantId, async tx => {
    const session = await store.findOpenSession(tx, tenantId, ctx.actor.id)
    return ok({
      session,
      lastDrawer: (await store.findLastDrawer(tx, tenantId, ctx.actor.id))?.drawer,
      moves: session ? await store.listMoves(tx, tenantId, session.id, MOVES_SHOWN) : [],
      taken: session ? (await store.sumMoves(tx, tenantId, session.id)).taken : 0,
      payouts: await store.listPayouts(tx, tenantId, LISTED_MAX),
    })
  })
}

export interface SessionReport {
  readonly session: DrawerSession
  readonly taken: number
  readonly paidOut: number
  readonly movedFen: number
  /** What the turn before at this drawer left, as counted at its end; none for the first. What is missing at the opening was taken out between. */
  readonly handedOverFen?: number
}

async function reportsOf(tx: Tx, tenantId: number, sessions: readonly DrawerSession[]): Promise<SessionReport[]> {
  const handed = await store.mapHandedOver(
    tx,
    tenantId,
    sessions.map(session => session.id),
  )
  const reports: SessionReport[] = []
  for (const session of sessions) {
    const { taken, paidOut, fen } = await store.sumMoves(tx, tenantId, session.id)
    const handedOverFen = handed.get(session.id)
    reports.push({ session, taken, paidOut, movedFen: fen, ...(handedOverFen !== undefined && { handedOverFen }) })
  }
  return reports
}

/** One turn with its sums; its own cashier sees it once it is closed, who may see all sees it always. */
export async function findDrawerReport(ctx: Ctx, sessionId: string): Promise<Result<SessionReport>> {
  const mayAll = permit(ctx, 'payments.cash.read')
  const mayOwn = permit(ctx, 'payments.cash.collect')
  if (!mayAll.ok && !mayOwn.ok) return mayOwn
  const { tenantId } = ctx
  return ctx.kernel.db.read(tenantId, async tx => {
    const session = isUuid(sessionId) ? await store.findSession(tx, tenantId, sessionId) : undefined
    const isSeen = session && (mayAll.ok || (session.cashierId === ctx.actor.id && session.closedAt !== null))
    if (!isSeen) return fail(errors.no_open_drawer)
    return ok((await reportsOf(tx, tenantId, [session]))[0]!)
  })
}

/** Turns at all drawers, the newest first, for who answers for them. */
export async function listDrawerSessions(ctx: Ctx): Promise<Result<SessionReport[]>> {
  const allowed = permit(ctx, 'payments.cash.read')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  return ctx.kernel.db.read(tenantId, async tx => ok(await reportsOf(tx, tenantId, await store.listSessions(tx, tenantId, LISTED_MAX))))
}

const REASON_CHARS_MAX = 100

/** A cashier asks to void a payment of the turn that is still open. */
export async function askVoid(tx: Tx, ctx: Ctx, input: { readonly orderId: string; readonly reason: string }): Promise<void> {
  const { tenantId } = ctx
  const reason = input.reason.toWellFormed().replaceAll('\0', '').trim().slice(0, REASON_CHARS_MAX)
  if (!reason) return unwrap(fail(errors.reason_missing, undefined, 'reason'))
  const session = await takeSession(tx, ctx)
  const taking = isUuid(input.orderId) ? await store.findTaking(tx, tenantId, input.orderId) : undefined
  if (taking?.sessionId !== session.id) return unwrap(fail(errors.void_not_allowed))
  const order = await payments.lockOrder(tx, tenantId, taking.orderId)
  if (order.reservedFen + order.refundedFen > 0) return unwrap(fail(errors.void_not_allowed))
  const asked = { orderId: order.id, askedBy: actorKey(ctx), reason, askedAt: ctx.kernel.clock.now() }
  if ((await store.insertVoid(tx, tenantId, asked)) === 0) return unwrap(fail(errors.void_decided))
  await append(tx, ctx, cashVoidAsked, { subjectId: order.id, body: { reason } })
}

/** The second person's word on a void, in the caller's transaction; what follows from a yes is the caller's. */
export async function settleVoid(tx: Tx, ctx: Ctx, input: { readonly orderId: string; readonly isAgreed: boolean }): Promise<void> {
  const { tenantId } = ctx
  const asked = isUuid(input.orderId) ? await store.lockVoid(tx, tenantId, input.orderId) : undefined
  if (!asked || asked.decidedAt) return unwrap(fail(errors.void_decided))
  if (asked.askedBy === actorKey(ctx)) return unwrap(fail(errors.void_own))
  await store.decideVoid(tx, tenantId, asked.orderId, { by: actorKey(ctx), isAgreed: input.isAgreed, at: ctx.kernel.clock.now() })
  if (!input.isAgreed) await append(tx, ctx, cashVoidDeclined, { subjectId: asked.orderId, body: {} })
}

/** Voids that wait for a second person. */
export async function listVoidsWaiting(
  ctx: Ctx,
): Promise<Result<(store.VoidRow & { readonly isOwn: boolean; readonly amountFen: number })[]>> {
  const allowed = permit(ctx, 'payments.refund.approve')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const rows = await store.listVoids(tx, ctx.tenantId, LISTED_MAX)
    return ok(
      await Promise.all(
        rows.map(async row => {
          const order = (await payments.findOrder(tx, ctx.tenantId, row.orderId))!
          return { ...row, isOwn: row.askedBy === actorKey(ctx), amountFen: order.paidFen }
        }),
      ),
    )
  })
}

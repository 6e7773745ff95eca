import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { ensureAccount, post } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { confirmIn } from '../confirm.ts'
import { errors } from '../errors.ts'
import { offlineSettled, orderPlaced } from '../events.ts'
import { CASH, OFFLINE_SUBJECT, ORDER_MS_MAX, outTradeNoOf } from '../model.ts'
import { finishOrder } from '../service/attempts.ts'
import { settleOddFact } from '../service/facts.ts'
import { type OrderLineInput, placeOrder } from '../service/orders.ts'
import * as payments from '../store.ts'
import { windowPayer } from './service.ts'
import * as store from './store.ts'

export type OfflineAct = Omit<store.ActRow, 'outcome' | 'orderId'>
export type OfflineKey = store.ActKey

const ACTS_MAX = 100
const SEQ_MAX = 99_999
const AMOUNT_FEN_MAX = 100_000_00
const SUBJECT_CHARS_MAX = 200

const isWhole = (value: number, max: number): boolean => Number.isSafeInteger(value) && value > 0 && value <= max
const isAct = (act: OfflineAct): boolean =>
  isUuid(act.sessionId) &&
  isUuid(act.device) &&
  isWhole(act.seq, SEQ_MAX) &&
  isWhole(act.amountFen, AMOUNT_FEN_MAX) &&
  isWhole(act.tenderedFen, AMOUNT_FEN_MAX) &&
  act.tenderedFen >= act.amountFen &&
  act.subject.length > 0 &&
  act.subject.length <= SUBJECT_CHARS_MAX &&
  !Number.isNaN(act.takenAt.getTime())

const isSame = (a: OfflineAct, b: OfflineAct): boolean =>
  a.subject === b.subject && a.amountFen === b.amountFen && a.tenderedFen === b.tenderedFen

export interface Kept {
  readonly kept: number
  /** Kept by an earlier upload, unchanged. */
  readonly known: number
  /** Kept before with other content: the first stands. */
  readonly differing: readonly OfflineKey[]
}

/**
 * Keeps what a window took while it had no network. All of it or nothing; afterwards the device may forget it. A device's clock
 * is believed only between the opening of the drawer and now.
 */
export async function keepOffline(ctx: Ctx, acts: readonly OfflineAct[]): Promise<Result<Kept>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  if (acts.length > ACTS_MAX || !acts.every(isAct)) return fail(errors.offline_malformed)
  const { tenantId, kernel } = ctx
  const now = kernel.clock.now()
  return catching(() =>
    kernel.db.tx(tenantId, async tx => {
      let kept = 0
      const differing: OfflineKey[] = []
      for (const act of acts) {
        const session = await store.findSession(tx, tenantId, act.sessionId)
        if (session?.cashierId !== ctx.actor.id) return unwrap(fail(errors.offline_not_own))
        const subject = act.subject.toWellFormed().replaceAll('\0', '')
        const takenAt = new Date(Math.min(Math.max(act.takenAt.getTime(), session.openedAt.getTime()), now.getTime()))
        if (await store.insertAct(tx, tenantId, { ...act, subject, takenAt }, now)) kept++
        else if (!isSame((await store.findAct(tx, tenantId, act))!, { ...act, subject }))
          differing.push({ sessionId: act.sessionId, device: act.device, seq: act.seq })
      }
      return { kept, known: acts.length - kept - differing.length, differing }
    }),
  )
}

/** What money taken without network turned out to be for. */
export type OfflineMeans =
  /** Something owed: paid when the amount is right, otherwise a person decides. */
  | { readonly kind: 'due'; readonly lines: readonly OrderLineInput[]; readonly title: string; readonly after?: readonly string[] }
  /** Paid before: the money goes back. */
  | { readonly kind: 'paid'; readonly orderId: string }
  /** Money of another amount came for it before, and a person decides about both. */
  | { readonly kind: 'odd'; readonly orderId: string }
  /** Known, but nothing is owed: the money goes back. */
  | { readonly kind: 'not_due'; readonly lines: readonly OrderLineInput[]; readonly title: string }
  | { readonly kind: 'unknown' }

/** The order an act's money comes in. */
async function orderOf(tx: Tx, ctx: Ctx, session: store.SessionRow, act: store.ActRow, means: OfflineMeans): Promise<payments.OrderRow> {
  const { tenantId } = ctx
  const payer = windowPayer(session)
  if (means.kind === 'paid') return payments.lockOrder(tx, tenantId, means.orderId)
  if (means.kind === 'odd') {
    const order = await payments.lockOrder(tx, tenantId, means.orderId)
    return order.mismatch ? order : unwrap(fail(errors.subject_being_paid))
  }
  if (means.kind === 'due')
    return payments.lockOrder(tx, tenantId, unwrap(await placeOrder(tx, ctx, { ...means, payer, place: 'window' })).orderId)
  const merchant = await payments.getMerchant(tx, tenantId, { channel: CASH, mchid: session.drawer })
  const nobody = { subjectKind: OFFLINE_SUBJECT, subjectId: makeId(ctx), payeeAccountId: merchant.suspenseAccountId, title: act.subject }
  const lines = means.kind === 'unknown' ? [{ ...nobody, amountFen: act.amountFen }] : means.lines
  const title = means.kind === 'unknown' ? `现金 ${act.subject}` : means.title
  if (means.kind === 'unknown')
    return payments.lockOrder(tx, tenantId, unwrap(await placeOrder(tx, ctx, { lines, title, payer, place: 'window' })).orderId)
  // Claims nothing: whatever holds its subjects stays as it is.
  const now = ctx.kernel.clock.now()
  const id = makeId(ctx)
  const amountFen = lines.reduce((sum, line) => sum + line.amountFen, 0)
  const order = { id, code: newCode(ctx.kernel.random), amountFen, title, payer, place: 'window', createdAt: now }
  await payments.insertOrder(tx, tenantId, { ...order, expiresAt: addMs(now, ORDER_MS_MAX) })
  await payments.insertLines(tx, tenantId, id, lines)
  const told = lines.map(l => ({ subject_kind: l.subjectKind, subject_id: l.subjectId, amount_fen: l.amountFen }))
  await append(tx, ctx, orderPlaced, { subjectId: id, body: { amount_fen: amountFen, place: 'window', lines: told } })
  await finishOrder(tx, ctx, id, 'not_due')
  return payments.lockOrder(tx, tenantId, id)
}

const WHY = { due: undefined, paid: undefined, odd: 'amount', not_due: 'not_due', unknown: 'bill_unknown' } as const

/**
 * Brings an act into the books, once, in the caller's transaction: its order, the money in its drawer, and where nothing was owed
 * the way back. The money was taken, so nothing is refused here. In a turn that is over it explains part of what was counted.
 */
export async function settleOffline(tx: Tx, ctx: Ctx, key: OfflineKey, means: OfflineMeans): Promise<store.ActRow['outcome']> {
  const { tenantId } = ctx
  const session = (await store.lockSession(tx, tenantId, key.sessionId))!
  const act = (await store.lockAct(tx, tenantId, key))!
  if (act.outcome) return act.outcome
  const order = await orderOf(tx, ctx, session, act, means)
  const merchant = await payments.getMerchant(tx, tenantId, { channel: CASH, mchid: session.drawer })
  const lines = await payments.listLines(tx, tenantId, order.id)
  const attemptId = makeId(ctx)
  const seq = session.lastSeq + 1
  const { amountFen, takenAt: paidAt } = act
  await payments.insertAttempt(tx, tenantId, {
    ...{ id: attemptId, orderId: order.id, channel: CASH, mchid: session.drawer, product: CASH },
    ...{ outTradeNo: outTradeNoOf(tenantId, attemptId), amountFen: order.amountFen, createdAt: paidAt, expiresAt: order.expiresAt },
    accounts: [merchant.clearingAccountId, ...lines.map(line => line.payeeAccountId)],
    amounts: [order.amountFen, ...lines.map(line => -line.amountFen)],
  })
  const fact = { attemptId, txnNo: `${session.id}-${seq}`, amountFen, paidAt }
  const isPaid = means.kind === 'due' && amountFen === order.amountFen
  if (isPaid && !(await confirmIn(tx, ctx, fact))) throw new Error(`offline cash for order ${order.id} was not booked`)
  if (!isPaid) await settleOddFact(tx, ctx, fact, WHY[means.kind])
  const move = { seq, orderId: order.id, refundId: null, amountFen, tenderedFen: act.tenderedFen, movedAt: paidAt }
  await store.insertMove(tx, tenantId, session.id, move)
  if (session.closedAt) await explainCount(tx, ctx, session, seq, amountFen)
  const isAsking = means.kind === 'unknown' || means.kind === 'odd' || (means.kind === 'due' && !isPaid)
  const outcome = isPaid ? 'booked' : isAsking ? 'asking' : 'returning'
  await store.finishAct(tx, tenantId, key, { outcome, orderId: order.id })
  await append(tx, ctx, offlineSettled, { subjectId: session.id, body: { seq: act.seq, order: order.id, amount_fen: amountFen, outcome } })
  return outcome
}

/** The last count held this money already: what was booked as over is not. */
async function explainCount(tx: Tx, ctx: Ctx, session: store.SessionRow, seq: number, amountFen: number): Promise<void> {
  await store.raiseExpected(tx, ctx.tenantId, session.id, amountFen)
  await post(tx, ctx, {
    code: 'CASH_DIFF',
    ref: `drawer:${session.id}:${seq}`,
    about: session.id,
    postings: [
      { accountId: await ensureAccount(tx, ctx, `1001:${session.drawer}`), amount: -amountFen },
      { accountId: await ensureAccount(tx, ctx, `1221:${session.cashierId}`), amount: amountFen },
    ],
  })
}

const OPEN_MAX = 50

/** Acts whose bill was being paid elsewhere when they came, for another look. */
export const listOpenOffline = (ctx: Ctx): Promise<store.ActRow[]> =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.listOpenActs(tx, ctx.tenantId, OPEN_MAX))

export const findOffline = (ctx: Ctx, key: OfflineKey): Promise<store.ActRow | undefined> =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.findAct(tx, ctx.tenantId, key))

const SHOWN_MAX = 200

/** What a cashier's open turn took without network. */
export async function listOwnOffline(ctx: Ctx): Promise<Result<store.ActRow[]>> {
  const allowed = permit(ctx, 'payments.cash.collect')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const session = await store.findOpenSession(tx, ctx.tenantId, ctx.actor.id)
    return ok(session ? await store.listActs(tx, ctx.tenantId, session.id, SHOWN_MAX) : [])
  })
}

import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { AppFailure, fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { findBooking } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { listChannels } from '../channels.ts'
import { errors } from '../errors.ts'
import { orderPlaced } from '../events.ts'
import { ATTEMPT, DEBIT, documentOf, ORDER, ORDER_MS_MAX, orderStateOf, REFUND } from '../model.ts'
import * as store from '../store.ts'

export interface OrderLineInput {
  readonly subjectKind: string
  readonly subjectId: string
  readonly payeeAccountId: number
  readonly amountFen: number
  readonly title: string
  /** Pays its subject in part: once paid, another order may pay the rest. */
  readonly isPart?: boolean
}

export interface PlaceOrder {
  readonly lines: readonly OrderLineInput[]
  readonly title: string
  /** Opaque key of whoever pays: a resident, a browser, a device. */
  readonly payer: string
  /** Where: phone, kiosk, window, or by a bank's debit. */
  readonly place: string
  /** For a debit: by then the bank has answered, or people look. */
  readonly expiresAt?: Date
  /** Orders whose paid parts of these subjects the caller has counted: what they hold passes on to this one. */
  readonly after?: readonly string[]
}

export interface PlacedOrder {
  readonly orderId: string
  readonly code: string
  /** True when the same payer had an open order for the same subjects, which is used again. */
  readonly reused: boolean
}

/**
 * Opens an order in the caller's transaction and claims its subjects. A subject has one live order: paid already or
 * being paid by somebody else is refused here whatever the caller checked before.
 */
export async function placeOrder(tx: Tx, ctx: Ctx, input: PlaceOrder): Promise<Result<PlacedOrder>> {
  const amountFen = input.lines.reduce((sum, line) => sum + line.amountFen, 0)
  if (input.lines.length === 0 || input.lines.some(line => !Number.isSafeInteger(line.amountFen) || line.amountFen <= 0))
    return fail(errors.amount_not_positive)
  const { after = [] } = input
  const live = (await liveOrders(tx, ctx, input.lines)).filter(order => !after.includes(order.id))
  const paid = live.find(order => order.state === ORDER.paid)
  if (paid) return fail(errors.subject_already_paid, { order: paid.code })
  const open = live[0]
  if (open) {
    // What a bank has been asked to debit is not paid by hand as well, not even by the same payer.
    if (open.place !== DEBIT && open.payer === input.payer && open.amountFen === amountFen && live.every(order => order.id === open.id)) {
      return ok({ orderId: open.id, code: open.code, reused: true })
    }
    return fail(errors.subject_being_paid, { until: open.expiresAt.toISOString() })
  }
  const now = ctx.kernel.clock.now()
  const id = makeId(ctx)
  const code = newCode(ctx.kernel.random)
  await store.insertOrder(tx, ctx.tenantId, {
    id,
    code,
    amountFen,
    title: input.title,
    payer: input.payer,
    place: input.place,
    createdAt: now,
    expiresAt: input.expiresAt ?? addMs(now, ORDER_MS_MAX),
  })
  await store.insertLines(tx, ctx.tenantId, id, input.lines)
  const claimed = await store.insertClaims(tx, ctx.tenantId, id, input.lines, after)
  // Somebody was faster between the look and the claim: everything above is undone.
  if (claimed !== input.lines.length) throw new AppFailure(fail(errors.subject_being_paid).error)
  await append(tx, ctx, orderPlaced, {
    subjectId: id,
    body: {
      amount_fen: amountFen,
      place: input.place,
      lines: input.lines.map(l => ({ subject_kind: l.subjectKind, subject_id: l.subjectId, amount_fen: l.amountFen })),
    },
  })
  return ok({ orderId: id, code, reused: false })
}

const liveOrders = (tx: Tx, ctx: Ctx, lines: readonly OrderLineInput[]): Promise<store.OrderRow[]> =>
  store.listClaims(
    tx,
    ctx.tenantId,
    [...new Set(lines.map(line => line.subjectKind))],
    lines.map(line => line.subjectId),
  )

export interface Claim {
  readonly subjectKind: string
  readonly subjectId: string
  /** The order pays only a part of the subject. */
  readonly isPart: boolean
  readonly state: 'open' | 'paid' | 'closed'
  readonly orderId: string
  readonly orderCode: string
  readonly payer: string
  readonly place: string
  readonly placedAt: Date
  readonly expiresAt: Date
  readonly paidAt: Date | null
  readonly amountFen: number
  /** Another amount came in for it than it asks: people decide. */
  readonly isOdd: boolean
}

/** The live order of each subject that has one: the authority on "paid" and "being paid". */
export async function listClaims(
  tx: Tx,
  tenantId: number,
  subjectKinds: readonly string[],
  subjectIds: readonly string[],
): Promise<Claim[]> {
  const rows = await store.listClaims(tx, tenantId, subjectKinds, subjectIds)
  return rows.map(row => ({
    subjectKind: row.subjectKind,
    subjectId: row.subjectId,
    isPart: row.isPart,
    state: orderStateOf(row.state),
    orderId: row.id,
    orderCode: row.code,
    payer: row.payer,
    place: row.place,
    placedAt: row.createdAt,
    expiresAt: row.expiresAt,
    paidAt: row.paidAt,
    amountFen: row.amountFen,
    isOdd: row.mismatch && row.state === ORDER.open,
  }))
}

export type PaidPart = store.PaidPartRow

/** Parts of subjects that are paid and not given back whole, the oldest first. */
export const listPaidParts = (
  tx: Tx,
  tenantId: number,
  subjectKinds: readonly string[],
  subjectIds: readonly string[],
): Promise<PaidPart[]> => store.listPaidParts(tx, tenantId, subjectKinds, subjectIds)

export interface OrderView extends store.OrderRow {
  readonly lines: readonly store.LineRow[]
  readonly attempts: readonly store.AttemptRow[]
  readonly refunds: readonly store.RefundRow[]
  /** What the payer gave, where the channel took a discount off. */
  readonly payerFen?: number
  /** What came in for an attempt instead of what was asked, while nobody has decided about it. */
  readonly oddFen?: ReadonlyMap<string, number>
  /** The order pays others too, and only the part of the caller's own biller is here. */
  readonly isPart: boolean
}

/** What of an order is paid to one account: its lines and their share of the money. Undefined when nothing is. */
function partOf(whole: OrderView, payeeAccountId: number): OrderView | undefined {
  const lines = whole.lines.filter(line => line.payeeAccountId === payeeAccountId)
  if (lines.length === whole.lines.length) return whole
  if (lines.length === 0) return undefined
  const own = lines.reduce((sum, line) => sum + line.amountFen, 0)
  // Money moved for the whole order moved for each part of it; what moved for another part is not told.
  const share = <T extends { readonly amountFen: number }>(rows: readonly T[]): T[] =>
    rows.filter(row => row.amountFen === whole.amountFen).map(row => ({ ...row, amountFen: own }))
  const { payerFen: _, oddFen: __, ...rest } = whole
  return {
    ...rest,
    lines,
    title: lines[0]!.title,
    amountFen: own,
    paidFen: whole.paidFen === whole.amountFen ? own : 0,
    refundedFen: whole.refundedFen === whole.amountFen ? own : 0,
    attempts: share(whole.attempts),
    refunds: share(whole.refunds),
    isPart: true,
  }
}

/** An order as the caller may see it: staff of a biller only what pays it, and nothing of an order that does not. */
async function viewOf(tx: Tx, ctx: Ctx, order: store.OrderRow): Promise<OrderView | undefined> {
  const { tenantId, actor } = ctx
  const attempts = await store.listAttempts(tx, tenantId, order.id)
  const paid = attempts.find(attempt => attempt.state === ATTEMPT.succeeded)
  const payerFen = paid && (await store.findPayerTotal(tx, tenantId, paid.id))
  const odd = order.mismatch ? await store.listOpenSuspense(tx, tenantId, order.id) : []
  const whole: OrderView = {
    ...order,
    ...(odd.length > 0 && { oddFen: new Map(odd.map(row => [row.attemptId, row.amountFen])) }),
    ...(payerFen !== undefined && { payerFen }),
    lines: await store.listLines(tx, tenantId, order.id),
    attempts,
    // One the channel closed moved no money and was asked for again under another number.
    refunds: (await store.listRefunds(tx, tenantId, order.id)).filter(refund => refund.state !== REFUND.closed),
    isPart: false,
  }
  return actor.biller ? partOf(whole, actor.biller.accountId) : whole
}

/** The order behind an unguessable code: whoever holds the code may see it. */
export async function findOrderByCode(ctx: Ctx, code: string): Promise<OrderView | undefined> {
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const order = await store.findOrderByCode(tx, ctx.tenantId, code)
    return order && viewOf(tx, ctx, order)
  })
}

/** The same by id, for callers that hold the order by other means. */
export async function findOrderById(ctx: Ctx, orderId: string): Promise<OrderView | undefined> {
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const order = await store.findOrder(tx, ctx.tenantId, orderId)
    return order && viewOf(tx, ctx, order)
  })
}

/** The order of one of our attempts, by the id its number on the channel carries. */
export async function findOrderOfAttempt(ctx: Ctx, attemptId: string): Promise<OrderView | undefined> {
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const attempt = await store.findAttempt(tx, ctx.tenantId, attemptId)
    const order = attempt && (await store.findOrder(tx, ctx.tenantId, attempt.orderId))
    return order && viewOf(tx, ctx, order)
  })
}

/** The order paid by a channel's own number of a payment, on whatever channel; money in suspense leads to its order too. */
export async function findOrderOfTransaction(ctx: Ctx, txnNo: string): Promise<OrderView | undefined> {
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    for (const channel of [...listChannels(ctx.tenantId), DEBIT]) {
      const booking = await findBooking(tx, ctx.tenantId, documentOf(channel, txnNo))
      const attempt = booking && isUuid(booking.about) ? await store.findAttempt(tx, ctx.tenantId, booking.about) : undefined
      const order = attempt && (await store.findOrder(tx, ctx.tenantId, attempt.orderId))
      if (order) return viewOf(tx, ctx, order)
    }
    return undefined
  })
}

export async function getOrder(ctx: Ctx, orderId: string): Promise<Result<OrderView>> {
  const allowed = permit(ctx, 'payments.order.read')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const order = await store.findOrder(tx, ctx.tenantId, orderId)
    const view = order && (await viewOf(tx, ctx, order))
    return view ? ok(view) : fail(errors.order_not_found)
  })
}

/** Orders shown on one page of a payer's list. */
export const ORDERS_PAGE = 20

/** A page of the orders of these payers, newest first, and how many there are. */
export async function listOrdersOf(
  ctx: Ctx,
  payers: readonly string[],
  page: number,
): Promise<{ orders: store.OrderRow[]; total: number }> {
  return ctx.kernel.db.read(ctx.tenantId, async tx => ({
    orders: await store.listOrdersOf(tx, ctx.tenantId, payers, { offset: (page - 1) * ORDERS_PAGE, limit: ORDERS_PAGE }),
    total: await store.countOrdersOf(tx, ctx.tenantId, payers),
  }))
}

/** More than a household pays in a year. */
const PAID_MAX = 2_000

/** What these payers paid in [from, to), oldest first. */
export const listPaidOf = (
  ctx: Ctx,
  payers: readonly string[],
  span: { readonly from: Date; readonly to: Date },
): Promise<store.OrderRow[]> => ctx.kernel.db.read(ctx.tenantId, tx => store.listPaidOf(tx, ctx.tenantId, payers, span, PAID_MAX))

/** Orders a desk looks at first: those only a person can bring on, the one waiting longest first, and the newest of all. */
export async function listDeskOrders(ctx: Ctx, limit: number): Promise<{ stuck: OrderView[]; newest: OrderView[] }> {
  const payee = ctx.actor.biller?.accountId ?? null
  const ids = await ctx.kernel.db.read(ctx.tenantId, async tx => ({
    stuck: await store.listStuckOrders(tx, ctx.tenantId, limit, payee),
    newest: await store.listNewestOrders(tx, ctx.tenantId, limit, payee),
  }))
  const views = async (rows: readonly { id: string }[]) =>
    (await Promise.all(rows.map(({ id }) => findOrderById(ctx, id)))).filter(order => order !== undefined)
  return { stuck: await views(ids.stuck), newest: await views(ids.newest) }
}

import { type Ctx, type Kernel, makeId, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import {
  ensurePrepaid,
  findOrderById,
  findPrepaid,
  listClaims,
  listPrepaid,
  listPrepaidMoves,
  type PlacedOrder,
  PREPAID,
  PREPAY_SUBJECT,
  type Prepaid,
  type PrepaidMove,
  payFromPrepaid,
  placeOrder,
} from '#modules/payments/index.ts'
import { countedOn, dueFen, partRange, ruleOn } from '../dues.ts'
import { errors } from '../errors.ts'
import { type BillState, isHeldBack, listOpenBills } from '../service/bills.ts'
import { offerPart, openOrder } from '../service/pay.ts'
import { quoteItem } from '../service/quotes.ts'
import { issueReceipts } from '../service/receipts.ts'
import * as bills from '../store.ts'
import { requireOn } from '../switchover/service.ts'
import * as store from './store.ts'

/** Longer than any order stays open. */
const COMING_MS = 7 * 86_400_000

/** Less is not worth a payment. */
export const TOP_UP_FEN_MIN = 1_000
export const TOP_UPS_FEN = [5_000, 10_000, 20_000] as const

export interface PrepaidView {
  readonly account: bills.AccountRow
  readonly biller: bills.BillerRow
  readonly balanceFen: number
  /** Most a top-up may be now; none where the biller takes nothing in advance or the account is full. */
  readonly topUpMaxFen: number
  readonly moves: readonly PrepaidMove[]
}

/** What top-ups under way will bring if they are paid: they count as held, or several together would exceed the limit. */
async function sumComing(tx: Tx, ctx: Ctx, accountId: string): Promise<number> {
  const placed = await store.listTopUps(tx, ctx.tenantId, accountId, addMs(ctx.kernel.clock.now(), -COMING_MS))
  const ids = placed.map(topUp => topUp.id)
  const open = new Set((await listClaims(tx, ctx.tenantId, [PREPAY_SUBJECT], ids)).flatMap(c => (c.state === 'open' ? [c.subjectId] : [])))
  return placed.reduce((sum, topUp) => sum + (open.has(topUp.id) ? topUp.amountFen : 0), 0)
}

async function roomOf(tx: Tx, ctx: Ctx, accountId: string): Promise<Result<Omit<PrepaidView, 'moves'>>> {
  const { tenantId, kernel } = ctx
  const account = await bills.findAccountById(tx, tenantId, accountId)
  const biller = account && (await bills.findBiller(tx, tenantId, account.billerId))
  if (!account || !biller) return fail(errors.account_not_found)
  const { prepay_max_fen = 0 } = ruleOn(countedOn(kernel.clock.now(), biller.rules), biller.rules)
  const balanceFen = (await findPrepaid(tx, tenantId, accountId))?.balanceFen ?? 0
  const comingFen = await sumComing(tx, ctx, accountId)
  return ok({ account, biller, balanceFen, topUpMaxFen: account.isClosed ? 0 : Math.max(0, prepay_max_fen - balanceFen - comingFen) })
}

/** What is held in advance for an account, and what came and went. Whether the caller may see it is for the caller to know. */
export const viewPrepaid = (ctx: Ctx, accountId: string): Promise<Result<PrepaidView>> =>
  ctx.kernel.db.read(ctx.tenantId, async tx => {
    const room = await roomOf(tx, ctx, accountId)
    return room.ok ? ok({ ...room.value, moves: await listPrepaidMoves(tx, ctx.tenantId, accountId) }) : room
  })

export interface TopUp {
  readonly accountId: string
  readonly amountFen: number
  readonly payer: string
  readonly place: 'phone' | 'window'
  readonly idempotencyKey: string | undefined
}

/** Opens an order that pays in advance for an account, in the caller's transaction. What is held never exceeds what the biller allows. */
export async function openTopUp(tx: Tx, ctx: Ctx, { accountId, amountFen, payer, place }: TopUp): Promise<PlacedOrder> {
  // Locks what is held for the account: two who top up at once are one after the other.
  const payeeAccountId = await ensurePrepaid(tx, ctx, { id: accountId, payer })
  const { account, biller, topUpMaxFen } = unwrap(await roomOf(tx, ctx, accountId))
  if (place === 'phone') await requireOn(tx, ctx, 'prepay', accountId)
  if (topUpMaxFen < TOP_UP_FEN_MIN) return unwrap(fail(errors.prepay_not_taken))
  if (!Number.isSafeInteger(amountFen) || amountFen < TOP_UP_FEN_MIN || amountFen > topUpMaxFen)
    return unwrap(fail(errors.prepay_out_of_range, { min: TOP_UP_FEN_MIN, max: topUpMaxFen }, 'amount'))
  const title = `${biller.serviceZh}预存`
  const id = makeId(ctx)
  const line = { subjectKind: PREPAY_SUBJECT, subjectId: id, payeeAccountId, amountFen, title }
  const placed = unwrap(await placeOrder(tx, ctx, { lines: [line], title, payer, place }))
  await store.insertTopUp(tx, ctx.tenantId, { id, orderId: placed.orderId, accountId: account.id, amountFen }, ctx.kernel.clock.now())
  return placed
}

/** The same as a request of its own: repeating it with its key gives the same order. */
export const topUp = (ctx: Ctx, input: TopUp): Promise<Result<PlacedOrder>> =>
  catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const { accountId, amountFen, payer, idempotencyKey: key } = input
      return unwrap(
        await once(tx, ctx, { scope: 'billing.top_up', key, input: { accountId, amountFen, payer } }, () => openTopUp(tx, ctx, input)),
      )
    }),
  )

/** Pays one bill, or as much of it as its biller takes in parts, from what is held; `over` when nothing is left for later ones. */
async function payBill(ctx: Ctx, held: Prepaid, state: BillState): Promise<'paid' | 'left_alone' | 'over'> {
  const { tenantId, kernel } = ctx
  if (state.claim || state.bill.withdrawnAt || isHeldBack(state) || (await wasGivenBack(ctx, state))) return 'left_alone'
  const dueNow = dueFen(state)
  const range = partRange(state, state.rule)
  const isWhole = held.balanceFen >= dueNow
  if (!isWhole && (!range || held.balanceFen < range.minFen)) return 'over'
  const paid = await catching(() =>
    kernel.db.tx(tenantId, async tx => {
      const item = isWhole ? quoteItem(state) : unwrap(await offerPart(tx, ctx, state, Math.min(held.balanceFen, range!.maxFen)))
      const { orderId } = unwrap(await openOrder(tx, ctx, [item], { payer: held.payer, place: PREPAID }))
      unwrap(await payFromPrepaid(tx, ctx, { orderId, id: held.id }))
      await store.insertUse(tx, tenantId, { billId: state.bill.id, orderId })
      return orderId
    }),
  )
  if (!paid.ok) {
    kernel.log.info({ code: paid.error.code }, 'a bill was not paid from what is held in advance')
    return 'over'
  }
  const order = await findOrderById(ctx, paid.value)
  if (order) await kernel.db.tx(tenantId, tx => issueReceipts(tx, ctx, order))
  return 'paid'
}

/** A payer or a biller who gave it back once does not want it taken again. */
async function wasGivenBack(ctx: Ctx, { bill }: BillState): Promise<boolean> {
  for (const { orderId } of await ctx.kernel.db.read(ctx.tenantId, tx => store.listUses(tx, ctx.tenantId, bill.id))) {
    const order = await findOrderById(ctx, orderId)
    if (order && order.reservedFen + order.refundedFen > 0) return true
  }
  return false
}

const PAGE = 200
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

/** Pays open bills from what is held for their accounts, the oldest first. Running it again pays nothing twice. */
export async function runPrepaid(kernel: Kernel, tenantId: number): Promise<number> {
  const ctx = systemCtx(kernel, tenantId, 'billing.prepaid')
  let paid = 0
  for (let after: string | undefined = FIRST_ID; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof listPrepaid>> = await kernel.db.read(tenantId, tx => listPrepaid(tx, tenantId, after!, PAGE))
    for (const { id } of page.held) {
      for (const state of await listOpenBills(ctx, [id])) {
        const held = await kernel.db.read(tenantId, tx => findPrepaid(tx, tenantId, id))
        const became = held && held.balanceFen > 0 ? await payBill(ctx, held, state) : 'over'
        if (became === 'over') break
        if (became === 'paid') paid++
      }
    }
    after = page.last
  }
  return paid
}

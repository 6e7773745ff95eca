import { createHash } from 'node:crypto'
import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { newCode } from '#kernel/id.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { listClaims, placeOrder, UNDO_MS_MAX } from '#modules/payments/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { productOrdered, productUndone } from '../events.ts'
import { POSTING, postingStateOf } from '../model.ts'
import { holdPostings, isAllReversed } from '../service/postings.ts'
import * as bills from '../store.ts'
import { ownPayer, readOffer } from './catalogue.ts'
import { type ProductBody, type ProductState, productStateOf, slotOf } from './model.ts'
import * as store from './store.ts'

const WORDING_CHARS_MAX = 10_000

export interface OrderProduct {
  /** Signed by the page that showed the offer. */
  readonly quote: string
  /** What was agreed to, word for word as it stood on that page. */
  readonly wording: string
  /** Ticked by the resident on that page. */
  readonly isGiven: boolean
  readonly idempotencyKey: string | undefined
}

export interface OrderedProduct {
  readonly code: string
  /** Its payment; absent where nothing is paid now. */
  readonly payment?: { readonly orderId: string; readonly code: string }
}

/**
 * Orders what was offered, under an account of the resident's own. Costs it something, its biller is told when it is paid and
 * cannot be undone any more; costs it nothing, ten minutes from now. Repeating it with the same key is the same ordering.
 */
export async function orderProduct(ctx: Ctx, input: OrderProduct): Promise<Result<OrderedProduct>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  const offer = await readOffer(ctx, input.quote)
  if (!offer.ok) return offer
  if (!input.isGiven || input.wording === '' || input.wording.length > WORDING_CHARS_MAX)
    return fail(errors.product_consent_missing, undefined, 'consent')
  const call = { scope: 'billing.order_product', key: input.idempotencyKey, input: { quote: input.quote, payer: payer.value } }
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx =>
      unwrap(await once(tx, ctx, call, async () => unwrap(await open(tx, ctx, payer.value, offer.value, input.wording)))),
    ),
  )
}

type Agreed = Extract<Awaited<ReturnType<typeof readOffer>>, { ok: true }>['value']

async function open(tx: Tx, ctx: Ctx, payer: string, agreed: Agreed, wording: string): Promise<Result<OrderedProduct>> {
  const { tenantId, kernel } = ctx
  const { quote, account, biller, product } = agreed
  const slot = slotOf(product)
  const live = await freeSlot(tx, ctx, account.id, slot)
  if (live) return fail(errors.product_ordered, { ordering: live.code })
  const at = kernel.clock.now()
  const id = makeId(ctx)
  const code = newCode(kernel.random)
  const sha256 = createHash('sha256').update(wording).digest()
  const payment = quote.amountFen > 0 ? unwrap(await pay(tx, ctx, biller, id, payer, product)) : undefined
  const orderId = payment?.orderId ?? id
  const row = {
    id,
    code,
    billerId: biller.id,
    accountId: account.id,
    orderId,
    payer,
    productCode: quote.product,
    version: quote.version,
    slot,
  }
  const isNew = await store.insertOrder(tx, tenantId, { ...row, amountFen: quote.amountFen, lang: ctx.lang, wording, sha256, placedAt: at })
  if (!isNew) return fail(errors.product_ordered)
  if (!payment) await tellLater(tx, ctx, biller.id, id, at)
  await append(tx, ctx, productOrdered, {
    subjectId: orderId,
    body: {
      ordering: id,
      biller: biller.id,
      product: quote.product,
      version: quote.version,
      amount_fen: quote.amountFen,
      wording_sha256: sha256.toString('hex'),
    },
  })
  return ok({ code, ...(payment && { payment }) })
}

async function pay(tx: Tx, ctx: Ctx, biller: bills.BillerRow, id: string, payer: string, product: ProductBody) {
  const title = `${biller.serviceZh} ${product.name_zh}`.slice(0, 60)
  const line = { subjectKind: 'product', subjectId: id, payeeAccountId: biller.payableAccountId, amountFen: product.price_fen, title }
  const placed = await placeOrder(tx, ctx, { lines: [line], title, payer, place: 'phone' })
  return placed.ok ? ok({ orderId: placed.value.orderId, code: placed.value.code }) : placed
}

/** Nothing is paid: the posting stands for itself, and carries the ordering's own id where others carry that of their payment. */
const tellLater = (tx: Tx, ctx: Ctx, billerId: string, id: string, at: Date) =>
  bills.insertPosting(tx, ctx.tenantId, {
    ...{ id: makeId(ctx), orderId: id, billId: id, billerId, amountFen: 0, lateFeeFen: 0, rebateFen: 0, paidAt: at },
    dueAt: addMs(at, UNDO_MS_MAX),
  })

/** The ordering that holds a slot. One whose payment was closed without money, or given back, holds it no more. */
async function freeSlot(tx: Tx, ctx: Ctx, accountId: string, slot: string): Promise<store.ProductOrderRow | undefined> {
  const live = await store.lockLive(tx, ctx.tenantId, accountId, slot)
  if (!live || live.amountFen === 0) return live
  if ((await listClaims(tx, ctx.tenantId, ['product'], [live.id])).length > 0) return live
  await store.endOrder(tx, ctx.tenantId, live.id, ctx.kernel.clock.now())
  return undefined
}

export interface ProductOrder extends store.ProductOrderRow {
  readonly product: ProductBody
  readonly biller: bills.BillerRow
  readonly accountNo: string
  readonly state: ProductState
  /** Code of its payment, while it has a live one. */
  readonly paymentCode?: string
  /** The biller's own words where it refused. */
  readonly failure?: string
  /** Until then what costs nothing is taken back here; a payment is undone on its own page. */
  readonly undoUntil?: Date
}

const SHOWN_MAX = 20

async function viewOf(tx: Tx, ctx: Ctx, row: store.ProductOrderRow): Promise<ProductOrder> {
  const { tenantId, kernel } = ctx
  const [claim] = await listClaims(tx, tenantId, ['product'], [row.id])
  const posting = await bills.findPostingOf(tx, tenantId, row.orderId, row.id)
  const claimed = claim?.state === 'closed' ? undefined : claim?.state
  const state = productStateOf({
    ...{ amountFen: row.amountFen, isAccepted: row.acceptedAt !== null, claim: claimed },
    posting: posting && postingStateOf(posting.state),
  })
  const { body } = (await store.findProduct(tx, tenantId, row.billerId, row.productCode, row.version))!
  const account = (await bills.findAccountById(tx, tenantId, row.accountId))!
  const undoUntil = addMs(row.placedAt, UNDO_MS_MAX)
  return {
    ...row,
    ...{ product: body, state, accountNo: account.accountNo },
    biller: (await bills.findBiller(tx, tenantId, row.billerId))!,
    ...(claim && { paymentCode: claim.orderCode }),
    ...(posting?.state === POSTING.rejected && posting.failure && { failure: posting.failure }),
    ...(row.amountFen === 0 && state === 'held' && undoUntil > kernel.clock.now() && { undoUntil }),
  }
}

/** What the resident ordered, newest first, and how each stands. */
export async function listProductOrders(ctx: Ctx): Promise<Result<ProductOrder[]>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const orders: ProductOrder[] = []
    for (const row of await store.listOrdersOf(tx, ctx.tenantId, payer.value, SHOWN_MAX)) orders.push(await viewOf(tx, ctx, row))
    return ok(orders)
  })
}

export async function getProductOrder(ctx: Ctx, code: string): Promise<Result<ProductOrder>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const row = await store.findOrderByCode(tx, ctx.tenantId, code)
    return row?.payer === payer.value ? ok(await viewOf(tx, ctx, row)) : fail(errors.product_order_not_found)
  })
}

/** Takes back what costs nothing, as a payment is undone: within ten minutes, before its biller is told. */
export async function undoProduct(ctx: Ctx, code: string): Promise<Result<void>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const row = await store.findOrderByCode(tx, ctx.tenantId, code)
    if (row?.payer !== payer.value || row.amountFen > 0) return fail(errors.product_order_not_found)
    if (await isAllReversed(tx, ctx, row.id)) return ok(undefined)
    if (addMs(row.placedAt, UNDO_MS_MAX) <= ctx.kernel.clock.now()) return fail(errors.undo_too_late)
    if (!(await holdPostings(tx, ctx, row.id))) return fail(errors.undo_too_late)
    await append(tx, ctx, productUndone, { subjectId: row.id, body: {} })
    return ok(undefined)
  })
}

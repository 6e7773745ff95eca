import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { splitFen } from '#kernel/money.ts'
import { addMs, dayOf } from '#kernel/time.ts'
import { attemptStateOf, type OrderView, UNDO_MS_MAX } from '#modules/payments/index.ts'
import { append, proveEntry, type ReceiptBundle } from '#modules/trail/index.ts'
import { orderRead, receiptIssued } from '../events.ts'
import { isTold } from '../model.ts'
import * as store from '../store.ts'
import { isOwn } from './bills.ts'

export interface Receipt {
  readonly receiptNo: string
  readonly entryId: string
  readonly bill: store.BillRow
  readonly biller: store.BillerRow
  readonly amountFen: number
  /** What of it the payer gave, where the channel took a discount off. */
  readonly payerFen?: number
  readonly lateFeeFen: number
  /** What paying early cost less. */
  readonly rebateFen: number
  readonly isPart: boolean
  readonly paidAt: Date
  readonly channel: string
  readonly posting: store.PostingRow | undefined
}

/** The bills an order pays something of. */
export const billsOf = ({ lines }: Pick<OrderView, 'lines'>): string[] => [
  ...new Set(lines.flatMap(line => (isTold(line) ? [line.subjectId] : []))),
]

/** What a bill paid whole cost less than it asked for. */
function rebateOf(bill: store.BillRow, { lines }: Pick<OrderView, 'lines'>): number {
  const own = lines.find(line => line.subjectKind === 'bill' && line.subjectId === bill.id)
  return own && !own.isPart ? Math.max(0, bill.amountFen - own.amountFen) : 0
}

/**
 * Gives a paid order its receipts and its postings, once; called while the payer waits and again by the subscriber that
 * makes it certain. Numbers are gapless per day: the counter's row lock is taken first.
 */
export async function issueReceipts(tx: Tx, ctx: Ctx, order: OrderView): Promise<void> {
  const attempt = order.attempts.find(a => attemptStateOf(a.state) === 'succeeded')
  if (!order.paidAt || !attempt?.txnNo) return
  const day = dayOf(order.paidAt)
  const { last } = await store.lockReceiptDay(tx, ctx.tenantId, day)
  const known = new Set((await store.listReceipts(tx, ctx.tenantId, order.id)).map(r => r.billId))
  const missing = billsOf(order).filter(id => !known.has(id))
  if (missing.length === 0) return
  const bills = await store.listBillsById(tx, ctx.tenantId, missing)
  let number = last
  for (const bill of bills) {
    number++
    const receiptNo = `YM-${day.replaceAll('-', '')}-${String(number).padStart(6, '0')}`
    const amountFen = order.lines.filter(line => line.subjectId === bill.id).reduce((sum, line) => sum + line.amountFen, 0)
    const entryId = await append(tx, ctx, receiptIssued, {
      subjectId: order.id,
      body: {
        receipt_no: receiptNo,
        order: order.code,
        amount_fen: amountFen,
        paid_at: order.paidAt.toISOString(),
        channel: attempt.channel,
        txn: attempt.txnNo,
        biller: bill.billerId,
        bill_no: bill.billNo,
        account_last4: bill.accountNo.slice(-4),
        period: bill.periodFrom === bill.periodTo ? bill.periodTo : `${bill.periodFrom}/${bill.periodTo}`,
      },
    })
    await store.insertReceipt(tx, ctx.tenantId, {
      orderId: order.id,
      billId: bill.id,
      receiptNo,
      entryId,
      issuedAt: ctx.kernel.clock.now(),
    })
    if (bill.product?.isTopUp) continue
    // The biller is told when the payer can no longer undo: until then taking it back costs nobody anything.
    await store.insertPosting(tx, ctx.tenantId, {
      id: makeId(ctx),
      orderId: order.id,
      billId: bill.id,
      billerId: bill.billerId,
      amountFen,
      lateFeeFen: order.lines.reduce((sum, l) => sum + (l.subjectKind === 'late_fee' && l.subjectId === bill.id ? l.amountFen : 0), 0),
      rebateFen: rebateOf(bill, order),
      paidAt: order.paidAt,
      dueAt: addMs(order.paidAt, UNDO_MS_MAX),
    })
  }
  await store.setReceiptDay(tx, ctx.tenantId, day, number)
}

/** Receipts of an order, made now if the payer was faster than the subscriber; later looks only read. */
export async function listReceipts(ctx: Ctx, order: OrderView): Promise<Receipt[]> {
  const made = await ctx.kernel.db.read(ctx.tenantId, tx => store.listReceipts(tx, ctx.tenantId, order.id))
  if (billsOf(order).some(id => !made.some(r => r.billId === id))) await ctx.kernel.db.tx(ctx.tenantId, tx => issueReceipts(tx, ctx, order))
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const rows = await store.listReceipts(tx, ctx.tenantId, order.id)
    const bills = new Map(
      (
        await store.listBillsById(
          tx,
          ctx.tenantId,
          rows.map(r => r.billId),
        )
      ).map(b => [b.id, b]),
    )
    const billers = new Map((await store.listBillers(tx, ctx.tenantId)).map(b => [b.id, b]))
    const postings = new Map((await store.listPostings(tx, ctx.tenantId, order.id)).map(p => [p.billId, p]))
    const channel = order.attempts.find(a => attemptStateOf(a.state) === 'succeeded')!.channel
    const ownFen = rows.map(row => order.lines.reduce((sum, line) => sum + (line.subjectId === row.billId ? line.amountFen : 0), 0))
    const shares = splitFen(order.payerFen ?? 0, ownFen)
    return rows.map((row, i) => {
      const bill = bills.get(row.billId)!
      const own = order.lines.filter(line => line.subjectId === row.billId)
      const late = own.filter(line => line.subjectKind === 'late_fee').reduce((sum, line) => sum + line.amountFen, 0)
      const amountFen = own.reduce((sum, line) => sum + line.amountFen, 0)
      return {
        receiptNo: row.receiptNo,
        entryId: row.entryId,
        bill,
        biller: billers.get(bill.billerId)!,
        amountFen,
        ...(order.payerFen !== undefined && { payerFen: shares[i]! }),
        lateFeeFen: late,
        rebateFen: rebateOf(bill, order),
        isPart: own.some(line => line.isPart),
        paidAt: order.paidAt!,
        channel,
        posting: postings.get(row.billId),
      }
    })
  })
}

/** Proof of a receipt; undefined until the sequencer has sealed it, about a fifth of a second later. */
export const proveReceipt = (ctx: Ctx, entryId: string): Promise<ReceiptBundle | undefined> =>
  proveEntry(ctx.kernel.db, ctx.tenantId, entryId)

/** Online check: by number and the entry id that only the paper and we know. */
export async function findReceipt(ctx: Ctx, entryId: string): Promise<store.ReceiptRow | undefined> {
  return ctx.kernel.db.read(ctx.tenantId, tx => store.findReceiptByEntry(tx, ctx.tenantId, entryId))
}

export const listPostings = async (ctx: Ctx, orderId: string) =>
  (await ctx.kernel.db.read(ctx.tenantId, tx => store.listPostings(tx, ctx.tenantId, orderId))).filter(posting => isOwn(ctx, posting))

/** Records that the caller looked at an order and whose bill it pays. */
export const noteRead = (ctx: Ctx, orderId: string): Promise<string> =>
  ctx.kernel.db.tx(ctx.tenantId, tx => append(tx, ctx, orderRead, { subjectId: orderId, body: {} }))

/** The order a receipt number was given to, as printed: YM-20261121-000017. */
export async function findOrderOfReceipt(ctx: Ctx, receiptNo: string): Promise<string | undefined> {
  const row = await ctx.kernel.db.read(ctx.tenantId, tx => store.findReceiptByNo(tx, ctx.tenantId, receiptNo))
  return row?.orderId
}

import { type Ctx, type Kernel, makeId, systemCtx } from '#kernel/context.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, type Result, unwrap } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { findOrderByCode, type OrderView, orderStateOf } from '#modules/payments/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { taxInvoiceAsked, taxInvoiceIssued, taxInvoiceRefused } from '../events.ts'
import { POSTING } from '../model.ts'
import type { TaxInvoiceAnswer } from '../ports.ts'
import { findPort } from '../service/clients.ts'
import { postAgainAfterMs } from '../service/postings.ts'
import { listReceipts, type Receipt } from '../service/receipts.ts'
import * as bills from '../store.ts'
import { type Buyer, readBuyer, readHref } from './model.ts'
import * as store from './store.ts'

// The biller sells, so the biller invoices: what is here is the asking, in the same signed words as a payment is told, and the way to
// what came of it. A request waits until the payment is posted, since a biller invoices only what it knows to be paid.

const TAKEN_MAX = 50
const buyerCell = (id: string): string => `billing|tax_invoice|buyer|${id}`
const isMoneyBack = (order: OrderView): boolean => order.refundedFen + order.reservedFen > 0

/** One bill of a paid order, and its invoice if one was asked for. */
export interface TaxInvoiceView {
  readonly receipt: Receipt
  readonly invoice: Pick<store.TaxInvoiceRow, 'state' | 'number' | 'href' | 'failure' | 'askedAt'> | undefined
}

export interface TaxInvoicesView {
  readonly order: OrderView
  readonly bills: readonly TaxInvoiceView[]
  /** Some may still be asked for. */
  readonly canAsk: boolean
}

/** Whether a biller writes invoices when asked through us. */
export const givesTaxInvoices = ({ biller, bill }: Pick<Receipt, 'biller' | 'bill'>): boolean =>
  biller.config.tax_invoices === true && !bill.product

const canAskFor = ({ receipt, invoice }: TaxInvoiceView): boolean =>
  (!invoice || invoice.state === 'refused') && receipt.posting?.state !== POSTING.rejected && receipt.posting?.state !== POSTING.reversed

/** Invoices of an order of the caller's own; not found where none of its billers gives any. */
export async function viewTaxInvoices(ctx: Ctx, orderCode: string, payers: readonly string[]): Promise<Result<TaxInvoicesView>> {
  const order = await findOrderByCode(ctx, orderCode)
  if (!order || !payers.includes(order.payer) || orderStateOf(order.state) !== 'paid') return fail(errors.receipt_not_found)
  const receipts = (await listReceipts(ctx, order)).filter(givesTaxInvoices)
  if (receipts.length === 0) return fail(errors.receipt_not_found)
  const made = await ctx.kernel.db.read(ctx.tenantId, tx => store.listTaxInvoices(tx, ctx.tenantId, order.id))
  const views = receipts.map(receipt => ({ receipt, invoice: made.find(row => row.billId === receipt.bill.id) }))
  return { ok: true, value: { order, bills: views, canAsk: !isMoneyBack(order) && views.some(canAskFor) } }
}

/** Asks for the invoices of an order, one a bill; those asked for before stay. */
export async function askTaxInvoices(
  ctx: Ctx,
  input: {
    readonly orderCode: string
    readonly payers: readonly string[]
    readonly buyer: Readonly<Record<string, string | undefined>>
    readonly idempotencyKey: string | undefined
  },
): Promise<Result<{ readonly asked: number }>> {
  const seen = await viewTaxInvoices(ctx, input.orderCode, input.payers)
  if (!seen.ok) return seen
  const { order, bills: views, canAsk } = seen.value
  const buyer = readBuyer(input.buyer)
  if (typeof buyer === 'string') return fail(errors.tax_invoice_buyer, undefined, buyer)
  if (!canAsk) return fail(errors.tax_invoice_not_given)
  const { tenantId, kernel } = ctx
  return catching(() =>
    kernel.db.tx(tenantId, async tx =>
      unwrap(
        await once(tx, ctx, { scope: 'billing.tax_invoice', key: input.idempotencyKey, input: { order: order.id, buyer } }, async () => {
          const at = kernel.clock.now()
          let asked = 0
          for (const { receipt } of views.filter(canAskFor)) {
            const id = makeId(ctx)
            const buyerSealed = kernel.vault.seal(tenantId, buyerCell(id), JSON.stringify(buyer))
            const row = { id, orderId: order.id, billId: receipt.bill.id, billerId: receipt.biller.id, buyerSealed, askedAt: at, dueAt: at }
            if (!(await store.insertTaxInvoice(tx, tenantId, row))) continue
            await append(tx, ctx, taxInvoiceAsked, { subjectId: order.id, body: { invoice: id, bill: receipt.bill.id } })
            asked++
          }
          return { asked }
        }),
      ),
    ),
  )
}

/** Asks billers for what is due. True when more may be due at once. */
export async function runTaxInvoices(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'billing.tax_invoices')
  const now = kernel.clock.now()
  const due = await kernel.db.tx(tenantId, tx => store.takeDueTaxInvoices(tx, tenantId, now, addMs(now, postAgainAfterMs(1)), TAKEN_MAX))
  await Promise.all(due.map(row => work(ctx, row)))
  return due.length === TAKEN_MAX
}

async function work(ctx: Ctx, row: store.TaxInvoiceRow): Promise<void> {
  const { db, clock, vault } = ctx.kernel
  const found = await db.read(ctx.tenantId, async tx => ({
    posting: await bills.findPostingOf(tx, ctx.tenantId, row.orderId, row.billId),
    bill: (await bills.listBillsById(tx, ctx.tenantId, [row.billId]))[0],
    port: await findPort(tx, ctx, row.billerId),
  }))
  const { posting, bill, port } = found
  if (!bill || !posting) return
  const again = addMs(clock.now(), postAgainAfterMs(row.tries))
  if (row.state === 'asked') {
    const isBack = posting.state === POSTING.rejected || posting.state === POSTING.reversed || posting.state === POSTING.reversing
    if (isBack) return finish(ctx, row, { kind: 'refused', reason: 'given_back' })
    if (posting.state !== POSTING.posted || !port?.taxInvoices) {
      await db.tx(ctx.tenantId, tx => store.putOffTaxInvoice(tx, ctx.tenantId, row.id, again))
      return
    }
    await db.tx(ctx.tenantId, tx => store.markSent(tx, ctx.tenantId, row.id))
  }
  if (!port?.taxInvoices) return
  // What was sent before may have arrived: asked first, as with a posting.
  const known: TaxInvoiceAnswer = row.state === 'sent' ? await port.taxInvoices.status(row.id) : { kind: 'missing' }
  const buyer = JSON.parse(vault.open(ctx.tenantId, buyerCell(row.id), row.buyerSealed)) as Buyer
  const answer =
    known.kind === 'missing'
      ? await port.taxInvoices.ask({
          ...{ invoiceNo: row.id, postingNo: posting.id, billNo: bill.billNo, accountNo: bill.accountNo },
          ...{ amountFen: posting.amountFen, buyer },
        })
      : known
  if (answer.kind === 'issued' || answer.kind === 'refused') return finish(ctx, row, answer)
  await db.tx(ctx.tenantId, tx => store.putOffTaxInvoice(tx, ctx.tenantId, row.id, again))
}

async function finish(
  ctx: Ctx,
  row: store.TaxInvoiceRow,
  answer: Extract<TaxInvoiceAnswer, { kind: 'issued' | 'refused' }>,
): Promise<void> {
  const at = ctx.kernel.clock.now()
  const body = { invoice: row.id, bill: row.billId }
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (answer.kind === 'issued') {
      const { number } = answer
      const href = answer.href === undefined ? undefined : readHref(answer.href)
      if (await store.finishTaxInvoice(tx, ctx.tenantId, row.id, { state: 'issued', number, href, at }))
        await append(tx, ctx, taxInvoiceIssued, { subjectId: row.orderId, body: { ...body, number } })
      return
    }
    const failure = answer.reason.slice(0, 200)
    if (await store.finishTaxInvoice(tx, ctx.tenantId, row.id, { state: 'refused', failure, at }))
      await append(tx, ctx, taxInvoiceRefused, { subjectId: row.orderId, body: { ...body, reason: failure } })
  })
}

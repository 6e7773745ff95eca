import type { Ctx } from '#kernel/context.ts'
import { startOfDay } from '#kernel/time.ts'
import { listPaidOf } from '#modules/payments/index.ts'
import * as store from '../store.ts'

/** One payment of a year: an order, with the bills it paid. */
export interface YearPayment {
  readonly code: string
  readonly title: string
  readonly paidAt: Date
  readonly paidFen: number
  /** What went back of it. */
  readonly backFen: number
  readonly bills: readonly { readonly bill: store.BillRow; readonly biller: store.BillerRow; readonly receiptNo: string }[]
}

export interface PaymentYear {
  readonly year: number
  readonly payments: readonly YearPayment[]
  readonly paidFen: number
  readonly backFen: number
}

/** What payers paid in a year and what of it went back, oldest first: to keep, and to show where somebody asks for it. */
export async function viewPaymentYear(ctx: Ctx, payers: readonly string[], year: number): Promise<PaymentYear> {
  const { tenantId } = ctx
  const span = { from: startOfDay(`${year}-01-01`), to: startOfDay(`${year + 1}-01-01`) }
  const orders = await listPaidOf(ctx, payers, span)
  return ctx.kernel.db.read(tenantId, async tx => {
    const receipts = await store.listReceiptsOf(
      tx,
      tenantId,
      orders.map(order => order.id),
    )
    const bills = new Map((await store.listBillsById(tx, tenantId, [...new Set(receipts.map(r => r.billId))])).map(b => [b.id, b]))
    const billers = new Map((await store.listBillers(tx, tenantId)).map(b => [b.id, b]))
    const ofOrder = Map.groupBy(receipts, receipt => receipt.orderId)
    const payments = orders.map(order => ({
      ...{ code: order.code, title: order.title, paidAt: order.paidAt!, paidFen: order.paidFen, backFen: order.refundedFen },
      bills: (ofOrder.get(order.id) ?? []).map(({ billId, receiptNo }) => {
        const bill = bills.get(billId)!
        return { bill, biller: billers.get(bill.billerId)!, receiptNo }
      }),
    }))
    const sum = (of: (payment: YearPayment) => number) => payments.reduce((total, payment) => total + of(payment), 0)
    return { year, payments, paidFen: sum(p => p.paidFen), backFen: sum(p => p.backFen) }
  })
}

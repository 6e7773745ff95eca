import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Desk, openDesk } from '../common/desk.ts'
import { notifier } from '../common/notifier.ts'
import type { Surroundings } from '../common/process.ts'
import { merchantFen, openTradeBook, type Payment, paidFen, payerFen, type Refund, refundedFen, type Trade } from '../common/trade-book.ts'
import type { AlipayKeyFiles } from './keys.ts'
import { type AlipaySigner, alipaySigner, type Form, localTime, signForm, yuan } from './signer.ts'

/** 25 hours of repetitions, as the channel publishes them. */
const SCHEDULE_S = [240, 600, 600, 3_600, 7_200, 21_600, 54_000]

export interface AlipayDesk extends Desk {
  signer: AlipaySigner
  statusOf(trade: Trade): string
  /** The trade of a shown code exists only once somebody has scanned it: until then queries and closing find nothing. */
  isVisible(trade: Trade): boolean
  show(trade: Trade): void
}

export function alipayDesk(keys: AlipayKeyFiles, around: Surroundings): AlipayDesk {
  const signer = alipaySigner(keys)
  const book = openTradeBook(join(around.keysDir, 'alipay-journal.jsonl'), around.seed, around.now)
  const notices = notifier(SCHEDULE_S, around.timeScale, around.faults, { has: book.isAcknowledged, add: book.acknowledge })
  let turn = 0
  const notice = (key: string, url: string, fields: Form) => ({
    key,
    url,
    make: () => {
      const form = signForm(signer, { notify_id: createHash('md5').update(key).digest('hex'), ...fields }, turn++ % 2 === 1)
      return { headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' }, body: new URLSearchParams(form).toString() }
    },
    isTaken: (status: number, body: string) => status === 200 && body === 'success',
  })
  const common = (trade: Trade, payment: Payment | undefined, type: string): Form => ({
    notify_type: type,
    notify_time: localTime(around.now()),
    charset: 'utf-8',
    version: '1.0',
    app_id: signer.appId,
    auth_app_id: signer.appId,
    seller_id: signer.sellerId,
    buyer_id: trade.payer,
    out_trade_no: trade.outTradeNo,
    trade_no: payment?.txnNo ?? '',
    subject: trade.title,
    total_amount: yuan(payment?.amountFen ?? trade.amountFen),
    buyer_pay_amount: yuan(payment ? payerFen(payment) : trade.amountFen),
    ...(payment && { receipt_amount: yuan(payment.amountFen - merchantFen(payment)) }),
    gmt_create: localTime(new Date(trade.createdAt)),
    ...(payment && { gmt_payment: localTime(new Date(payment.paidAt)) }),
  })
  const paymentNotice = (trade: Trade, payment: Payment) =>
    notice(`trade:${trade.outTradeNo}:${payment.txnNo}`, trade.notifyUrl, {
      ...common(trade, payment, 'trade_status_sync'),
      trade_status: 'TRADE_SUCCESS',
    })
  // Refunds come to the trade's own address, with the sum refunded so far.
  const refundNotice = (trade: Trade, refund: Refund) =>
    notice(`refund:${refund.outRefundNo}:${refund.status}`, refund.status === 'SUCCESS' ? trade.notifyUrl : '', {
      ...common(trade, trade.payments[0], 'trade_status_sync'),
      trade_status: statusOf(trade),
      out_biz_no: refund.outRefundNo,
      refund_fee: yuan(refundedFen(trade)),
      gmt_refund: `${localTime(new Date(refund.at))}.000`,
    })
  const scanned = new Set<string>()
  return {
    ...openDesk({ book, notices, refund_ms: 0, paymentNotice, refundNotice }),
    signer,
    statusOf,
    isVisible: trade => trade.product !== 'precreate' || trade.payments.length > 0 || trade.isClosed || scanned.has(trade.handle),
    show: trade => scanned.add(trade.handle),
  }
}

/** TRADE_CLOSED says both "never paid" and "fully refunded". */
function statusOf(trade: Trade): string {
  if (trade.payments.length > 0) return refundedFen(trade) >= paidFen(trade) ? 'TRADE_CLOSED' : 'TRADE_SUCCESS'
  return trade.isClosed ? 'TRADE_CLOSED' : 'WAIT_BUYER_PAY'
}

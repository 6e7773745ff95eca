import { dayOf } from '#kernel/time.ts'
import { type Layout, renderWechatStatement, type WechatRow } from '../../src/modules/payments/adapters/wechat/statement.ts'
import { merchantBackFen, merchantFen, type Payment, type Refund, type Trade } from '../common/trade-book.ts'

/** 0.60% in units of 1/100000 yuan: one fen is 1000 units, so six units per fen, exact. */
const FEE_E5_PER_FEN = 6

/** The bill file of one day ('YYYY-MM-DD'); undefined when nothing happened. */
export function billOf(layout: Layout, trades: Trade[], mchid: string, appid: string, day: string): string | undefined {
  const rows: WechatRow[] = []
  for (const trade of trades) {
    for (const payment of trade.payments) {
      if (layout !== 'refund' && dayOf(new Date(payment.paidAt)) === day) rows.push(paymentRow(trade, payment, mchid, appid))
    }
    for (const refund of trade.refunds) {
      if (layout === 'success' || refund.status !== 'SUCCESS' || dayOf(new Date(refund.at)) !== day) continue
      rows.push(refundRow(layout, trade, refund, mchid, appid))
    }
  }
  return rows.length > 0 ? renderWechatStatement(layout, rows) : undefined
}

const PRODUCTS: Readonly<Record<string, string>> = { jsapi: 'JSAPI', h5: 'MWEB', native: 'NATIVE' }

function baseRow(trade: Trade, mchid: string, appid: string): Omit<WechatRow, 'tradedAt' | 'transactionId' | 'tradeState'> {
  return {
    appid,
    mchid,
    subMchid: '0',
    device: '',
    outTradeNo: trade.outTradeNo,
    openid: trade.payer,
    tradeType: PRODUCTS[trade.product] ?? 'NATIVE',
    bank: 'OTHERS',
    currency: 'CNY',
    settlementFen: 0,
    couponFen: 0,
    refundRequestedAt: undefined,
    refundedAt: undefined,
    refundId: '',
    outRefundNo: '',
    refundFen: 0,
    refundCouponFen: 0,
    refundType: '',
    refundState: '',
    goods: trade.title.replace(/[\r\n`]/g, ' '),
    attach: '',
    feeE5: 0,
    rate: '0.60%',
    orderFen: 0,
    refundAppliedFen: 0,
    rateNote: '',
  }
}

const paymentRow = (trade: Trade, payment: Payment, mchid: string, appid: string): WechatRow => ({
  ...baseRow(trade, mchid, appid),
  tradedAt: new Date(payment.paidAt),
  transactionId: payment.txnNo,
  tradeState: 'SUCCESS',
  settlementFen: payment.amountFen - merchantFen(payment),
  couponFen: payment.coupon?.fen ?? 0,
  orderFen: payment.amountFen,
  feeE5: (payment.amountFen - merchantFen(payment)) * FEE_E5_PER_FEN,
})

const refundRow = (layout: Layout, trade: Trade, refund: Refund, mchid: string, appid: string): WechatRow => ({
  ...baseRow(trade, mchid, appid),
  tradedAt: new Date(refund.at),
  transactionId: trade.payments[0]?.txnNo ?? '',
  tradeState: 'REFUND',
  refundRequestedAt: layout === 'refund' ? new Date(refund.at) : undefined,
  refundedAt: layout === 'refund' ? new Date(refund.at) : undefined,
  refundId: refund.refundNo,
  outRefundNo: refund.outRefundNo,
  refundFen: refund.amountFen - merchantBackFen(trade, refund),
  refundType: 'ORIGINAL',
  refundState: refund.status,
  refundAppliedFen: refund.amountFen,
  feeE5: 0 - (refund.amountFen - merchantBackFen(trade, refund)) * FEE_E5_PER_FEN,
})

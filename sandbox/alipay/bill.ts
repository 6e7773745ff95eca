import { dayOf } from '#kernel/time.ts'
import { type AlipayRow, renderAlipayArchive } from '../../src/modules/payments/adapters/alipay/statement.ts'
import { type Coupon, merchantBackFen, type Trade } from '../common/trade-book.ts'

/** 0.60%, rounded to the fen: this channel prints two decimals. */
const feeOf = (amountFen: number): number => Math.round(amountFen * 0.006)

/** The zip of one day ('YYYY-MM-DD'); undefined when nothing happened. */
export function billOf(trades: Trade[], sellerId: string, day: string, now: Date): Buffer | undefined {
  const rows: AlipayRow[] = []
  for (const trade of trades) {
    for (const payment of trade.payments) {
      const at = new Date(payment.paidAt)
      if (dayOf(at) === day) rows.push(rowOf(trade, '交易', payment.txnNo, '', payment.amountFen, at, payment.coupon))
    }
    for (const refund of trade.refunds) {
      const at = new Date(refund.at)
      if (refund.status !== 'SUCCESS' || dayOf(at) !== day) continue
      rows.push(
        rowOf(trade, '退款', refund.txnNo, refund.outRefundNo, -refund.amountFen, at, {
          ...{ name: '', funder: 'merchant' },
          fen: -merchantBackFen(trade, refund),
        }),
      )
    }
  }
  return rows.length > 0 ? renderAlipayArchive({ account: sellerId, day, exportedAt: now }, rows) : undefined
}

const rowOf = (trade: Trade, kind: string, tradeNo: string, refundNo: string, signedFen: number, at: Date, coupon?: Coupon): AlipayRow => ({
  tradeNo,
  outTradeNo: trade.outTradeNo,
  kind,
  goods: trade.title.replace(/[\r\n\t]/g, ' '),
  createdAt: new Date(trade.createdAt),
  finishedAt: at,
  shopNo: '',
  shopName: '',
  operator: '',
  terminal: '',
  buyer: '*民(138****0000)',
  orderFen: signedFen,
  receivedFen: signedFen - (coupon?.funder === 'merchant' ? coupon.fen : 0),
  redPacketFen: 0,
  pointsFen: 0,
  discountFen: coupon?.funder === 'channel' ? coupon.fen : 0,
  merchantDiscountFen: coupon?.funder === 'merchant' ? coupon.fen : 0,
  couponFen: 0,
  couponName: '',
  merchantRedPacketFen: 0,
  cardFen: 0,
  refundNo,
  serviceFeeFen: signedFen > 0 ? 0 - feeOf(signedFen) : feeOf(-signedFen),
  shareFen: 0,
  note: '',
})

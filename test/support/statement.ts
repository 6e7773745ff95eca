import { addMs, startOfDay } from '#kernel/time.ts'
import { renderWechatStatement, type WechatRow } from '../../src/modules/payments/adapters/wechat/statement.ts'

const ROW: WechatRow = {
  ...{
    tradedAt: new Date(0),
    appid: 'wx1',
    mchid: '1900000109',
    subMchid: '0',
    device: '',
    transactionId: '',
    outTradeNo: '',
    openid: 'o1',
  },
  ...{ tradeType: 'NATIVE', tradeState: 'SUCCESS', bank: 'OTHERS', currency: 'CNY', settlementFen: 0, couponFen: 0 },
  ...{
    refundRequestedAt: undefined,
    refundedAt: undefined,
    refundId: '',
    outRefundNo: '',
    refundFen: 0,
    refundCouponFen: 0,
    refundType: '',
  },
  ...{ refundState: '', goods: '示例', attach: '', feeE5: 0, rate: '0.60%', orderFen: 0, refundAppliedFen: 0, rateNote: '' },
}

export interface StatedPayment {
  readonly txnNo: string
  readonly outTradeNo: string
  readonly amountFen: number
}

/** A row of the channel's full table, the rest of it as in any row. */
export const wechatRow = (row: Partial<WechatRow>): WechatRow => ({ ...ROW, ...row })

/** A WeChat statement of payments at noon of a day, in the channel's own format. */
export function wechatStatement(day: string, payments: readonly StatedPayment[]): Buffer {
  const tradedAt = addMs(startOfDay(day), 12 * 3_600_000)
  const rows = payments.map(({ txnNo, outTradeNo, amountFen }) => ({
    ...ROW,
    ...{ tradedAt, transactionId: txnNo, outTradeNo, settlementFen: amountFen, orderFen: amountFen, feeE5: amountFen * 6 },
  }))
  return Buffer.from(renderWechatStatement('all', rows))
}

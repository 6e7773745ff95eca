import type { TradeFact, TradeState } from '../../ports.ts'
import { parseDecimal, parseLocalTime } from '../decimal.ts'

/** The words Alipay uses in queries and notifications, read alike. */
export interface TradeWords {
  outTradeNo: string | undefined
  status: string | undefined
  tradeNo: string | undefined
  totalAmount: string | undefined
  buyerPayAmount: string | undefined
  paidAt: string | undefined
  refundFee: string | undefined
}

const STATES: Readonly<Record<string, TradeState>> = {
  WAIT_BUYER_PAY: 'NOTPAY',
  TRADE_SUCCESS: 'SUCCESS',
  // Paid, and beyond the time for refunds.
  TRADE_FINISHED: 'SUCCESS',
  TRADE_CLOSED: 'CLOSED',
}

export const fenOfYuan = (text: string | undefined): number | undefined => (text ? parseDecimal(text, 2) : undefined)

/** Undefined when a needed field is missing. */
export function readTrade(words: TradeWords): TradeFact | undefined {
  const state = STATES[words.status ?? '']
  if (!words.outTradeNo || !state) return undefined
  const paidAt = words.paidAt ? parseLocalTime(words.paidAt.slice(0, 19)) : undefined
  const isRefunded = (fenOfYuan(words.refundFee) ?? 0) > 0
  const wasPaid = state === 'SUCCESS' || (state === 'CLOSED' && (paidAt !== undefined || isRefunded))
  const fact: TradeFact = {
    outTradeNo: words.outTradeNo,
    state: wasPaid && (state === 'CLOSED' || isRefunded) ? 'REFUND' : state,
    channelTxnNo: words.tradeNo,
    amountFen: fenOfYuan(words.totalAmount),
    payerTotalFen: fenOfYuan(words.buyerPayAmount),
    paidAt,
  }
  if (fact.state === 'CLOSED') fact.isAmbiguous = true
  if (state === 'SUCCESS' && (!fact.channelTxnNo || fact.amountFen === undefined)) return undefined
  return fact
}

import type { RefundFact, RefundState, TradeFact, TradeState } from '../../ports.ts'
import { type Fields, fenOf, fieldsOf, instantOf, textOf } from '../shape.ts'

const TRADE_STATES: Readonly<Record<string, TradeState>> = {
  SUCCESS: 'SUCCESS',
  REFUND: 'REFUND',
  NOTPAY: 'NOTPAY',
  CLOSED: 'CLOSED',
  // A revoked card-present payment is over, like a closed one.
  REVOKED: 'CLOSED',
  USERPAYING: 'USERPAYING',
  PAYERROR: 'PAYERROR',
}

/** Reads a transaction resource; undefined when a needed field is missing, above all for a paid one. */
export function readTrade(fields: Fields): TradeFact | undefined {
  const outTradeNo = textOf(fields, 'out_trade_no')
  const state = TRADE_STATES[textOf(fields, 'trade_state') ?? '']
  if (!outTradeNo || !state) return undefined
  const amount = fieldsOf(fields.amount)
  const fact: TradeFact = {
    outTradeNo,
    state,
    channelTxnNo: textOf(fields, 'transaction_id'),
    amountFen: fenOf(amount, 'total'),
    payerTotalFen: fenOf(amount, 'payer_total'),
    paidAt: instantOf(textOf(fields, 'success_time')),
  }
  if (state === 'SUCCESS' || state === 'REFUND') {
    if (!fact.channelTxnNo || fact.amountFen === undefined || !fact.paidAt) return undefined
    if ((textOf(amount, 'currency') ?? 'CNY') !== 'CNY') return undefined
  }
  return fact
}

const REFUND_STATES: Readonly<Record<string, RefundState>> = {
  SUCCESS: 'SUCCESS',
  PROCESSING: 'PROCESSING',
  ABNORMAL: 'ABNORMAL',
  CLOSED: 'CLOSED',
}

/** Reads a refund resource: queries say `status`, notifications `refund_status`. */
export function readRefund(fields: Fields): RefundFact | undefined {
  const outTradeNo = textOf(fields, 'out_trade_no')
  const outRefundNo = textOf(fields, 'out_refund_no')
  const state = REFUND_STATES[textOf(fields, 'refund_status') ?? textOf(fields, 'status') ?? '']
  const amountFen = fenOf(fieldsOf(fields.amount), 'refund')
  if (!outTradeNo || !outRefundNo || !state || amountFen === undefined) return undefined
  return {
    outTradeNo,
    outRefundNo,
    state,
    channelRefundNo: textOf(fields, 'refund_id'),
    amountFen,
    refundedAt: instantOf(textOf(fields, 'success_time')),
  }
}

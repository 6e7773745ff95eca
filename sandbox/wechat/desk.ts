import { join } from 'node:path'
import { type Desk, openDesk } from '../common/desk.ts'
import { notifier } from '../common/notifier.ts'
import type { Surroundings } from '../common/process.ts'
import { openTradeBook, type Payment, type Refund, refundedFen, type Trade } from '../common/trade-book.ts'
import type { WechatKeyFiles } from './keys.ts'
import { localTime, makeNotice, makeNotification, tradeResource, type WechatSigner, wechatSigner } from './signer.ts'

/** 15 repetitions over 24 h 4 min, as the channel publishes them. */
const SCHEDULE_S = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600]
const REFUND_MS = 1_000
const TYPES: Readonly<Record<string, string>> = { jsapi: 'JSAPI', mini: 'JSAPI', h5: 'MWEB', native: 'NATIVE' }
const isTaken = (status: number): boolean => status === 200 || status === 204

export interface WechatDesk extends Desk {
  signer: WechatSigner
  /** A transaction as a query shows it. */
  resourceOf(trade: Trade): object
  /** A refund: queries name its state `status`, notifications `refund_status`. */
  refundResource(trade: Trade, refund: Refund, nameOfState: 'status' | 'refund_status'): object
}

export function wechatDesk(keys: WechatKeyFiles, around: Surroundings): WechatDesk {
  const signer = wechatSigner(keys)
  const book = openTradeBook(join(around.keysDir, 'wechat-journal.jsonl'), around.seed, around.now)
  const notices = notifier(SCHEDULE_S, around.timeScale, around.faults, { has: book.isAcknowledged, add: book.acknowledge })
  let turn = 0
  // Both kinds of platform key sign in turn: a merchant must live with several at once.
  const nextSerial = () => signer.keys[turn++ % signer.keys.length]!.serial

  const paymentNotice = (trade: Trade, payment: Payment) => ({
    key: `trade:${trade.outTradeNo}:${payment.txnNo}`,
    url: trade.notifyUrl,
    make: () =>
      makeNotification(
        signer,
        {
          outTradeNo: trade.outTradeNo,
          amountFen: payment.amountFen,
          txnNo: payment.txnNo,
          paidAt: new Date(payment.paidAt),
          openid: trade.payer,
          tradeType: TYPES[trade.product],
          ...(payment.coupon && { coupon: payment.coupon }),
          ...(trade.product === 'mini' && { appid: signer.miniAppid }),
          id: `EV-${payment.txnNo}`,
        },
        around.now(),
        nextSerial(),
      ),
    isTaken,
  })
  const refundNotice = (trade: Trade, refund: Refund) => ({
    key: `refund:${refund.outRefundNo}:${refund.status}`,
    url: refund.notifyUrl,
    make: () =>
      makeNotice(
        signer,
        {
          id: `EV-${refund.refundNo}-${refund.status}`,
          type: `REFUND.${refund.status}`,
          kind: 'refund',
          summary: '退款通知',
          resource: refundResource(signer, trade, refund, 'refund_status'),
        },
        around.now(),
        nextSerial(),
      ),
    isTaken,
  })
  const desk = openDesk({ book, notices, refund_ms: REFUND_MS / around.timeScale, paymentNotice, refundNotice })
  return {
    ...desk,
    signer,
    resourceOf: trade => resourceOf(signer, trade),
    refundResource: (trade, refund, nameOfState) => refundResource(signer, trade, refund, nameOfState),
  }
}

function stateOf(trade: Trade): string {
  if (trade.payments.length > 0) return refundedFen(trade) > 0 ? 'REFUND' : 'SUCCESS'
  return trade.isClosed ? 'CLOSED' : 'NOTPAY'
}

function resourceOf(signer: WechatSigner, trade: Trade): object {
  const first = trade.payments[0]
  return tradeResource(signer, {
    outTradeNo: trade.outTradeNo,
    amountFen: first?.amountFen ?? trade.amountFen,
    state: stateOf(trade),
    txnNo: first?.txnNo,
    paidAt: first && new Date(first.paidAt),
    openid: trade.payer,
    tradeType: TYPES[trade.product],
    ...(first?.coupon && { coupon: first.coupon }),
    ...(trade.product === 'mini' && { appid: signer.miniAppid }),
  })
}

function refundResource(signer: WechatSigner, trade: Trade, refund: Refund, nameOfState: 'status' | 'refund_status'): object {
  const total = trade.payments.find(payment => payment.txnNo === refund.txnNo)!.amountFen
  return {
    ...(nameOfState === 'refund_status' && { mchid: signer.mchid }),
    refund_id: refund.refundNo,
    out_refund_no: refund.outRefundNo,
    transaction_id: refund.txnNo,
    out_trade_no: refund.outTradeNo,
    [nameOfState]: refund.status,
    ...(refund.status === 'SUCCESS' && { success_time: localTime(new Date(refund.at)) }),
    create_time: localTime(new Date(refund.at)),
    user_received_account: '支付用户零钱',
    amount: { total, refund: refund.amountFen, payer_total: total, payer_refund: refund.amountFen, currency: 'CNY' },
  }
}

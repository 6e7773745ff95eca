import { join } from 'node:path'
import { notifier } from '../common/notifier.ts'
import type { Surroundings } from '../common/process.ts'
import { openTradeBook, type Payment, paidFen, type Refund, refundedFen, type Trade, type TradeBook } from '../common/trade-book.ts'
import type { WechatKeyFiles } from './keys.ts'
import { localTime, makeNotice, makeNotification, tradeResource, type WechatSigner, wechatSigner } from './signer.ts'

/** 15 repetitions over 24 h 4 min, as the channel publishes them. */
const SCHEDULE_S = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600]
const REFUND_MS = 1_000

/** The channel's back office: books, keys and outgoing notifications. */
export interface WechatDesk {
  book: TradeBook
  signer: WechatSigner
  /** Pays and tells the merchant. */
  pay: TradeBook['pay']
  /** Takes a refund, completes it a moment later and tells the merchant. */
  refund: TradeBook['refund']
  finishRefund(refund: Refund, status: Refund['status']): void
  notifyAgain(outTradeNo: string): number
  stateOf(trade: Trade): string
  resourceOf(trade: Trade): object
  refundResource(refund: Refund, nameOfState: 'status' | 'refund_status'): object
  stop(): void
}

export function wechatDesk(keys: WechatKeyFiles, around: Surroundings): WechatDesk {
  const signer = wechatSigner(keys)
  const book = openTradeBook(join(around.keysDir, 'wechat-journal.jsonl'), around.seed, around.now)
  const notices = notifier(SCHEDULE_S, around.timeScale, around.faults, { has: book.isAcknowledged, add: book.acknowledge })
  const timers = new Set<NodeJS.Timeout>()
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
          id: `EV-${payment.txnNo}`,
        },
        around.now(),
        nextSerial(),
      ),
    isTaken,
  })
  const refundNotice = (refund: Refund) => ({
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
          resource: desk.refundResource(refund, 'refund_status'),
        },
        around.now(),
        nextSerial(),
      ),
    isTaken,
  })
  const finishLater = (refund: Refund): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (refund.status === 'PROCESSING') desk.finishRefund(refund, 'SUCCESS')
    }, REFUND_MS / around.timeScale)
    timers.add(timer)
  }

  const desk: WechatDesk = {
    book,
    signer,
    pay(outTradeNo, how) {
      const result = book.pay(outTradeNo, how)
      if (result.kind === 'paid' && result.trade.notifyUrl) notices.send(paymentNotice(result.trade, result.payment))
      return result
    },
    refund(input) {
      const isNew = book.findRefund(input.outRefundNo) === undefined
      const result = book.refund(input)
      if (isNew && result.kind === 'taken') finishLater(result.refund)
      return result
    },
    finishRefund(refund, status) {
      book.moveRefund(refund.outRefundNo, status)
      if (refund.notifyUrl && status !== 'PROCESSING') notices.send(refundNotice(refund))
    },
    notifyAgain(outTradeNo) {
      const trade = book.find(outTradeNo)
      if (!trade?.notifyUrl) return 0
      for (const payment of trade.payments) notices.sendAgain(paymentNotice(trade, payment))
      const done = trade.refunds.filter(refund => refund.status !== 'PROCESSING' && refund.notifyUrl)
      for (const refund of done) notices.sendAgain(refundNotice(refund))
      return trade.payments.length + done.length
    },
    stateOf(trade) {
      if (trade.payments.length > 0) return refundedFen(trade) > 0 ? 'REFUND' : 'SUCCESS'
      return trade.isClosed ? 'CLOSED' : 'NOTPAY'
    },
    resourceOf(trade) {
      const first = trade.payments[0]
      return tradeResource(signer, {
        outTradeNo: trade.outTradeNo,
        amountFen: first?.amountFen ?? trade.amountFen,
        state: desk.stateOf(trade),
        txnNo: first?.txnNo,
        paidAt: first && new Date(first.paidAt),
        openid: trade.payer,
        tradeType: TYPES[trade.product],
      })
    },
    refundResource(refund, nameOfState) {
      const trade = book.find(refund.outTradeNo)!
      return {
        ...(nameOfState === 'refund_status' && { mchid: signer.mchid }),
        refund_id: refund.refundNo,
        out_refund_no: refund.outRefundNo,
        transaction_id: trade.payments[0]?.txnNo,
        out_trade_no: refund.outTradeNo,
        [nameOfState]: refund.status,
        ...(refund.status === 'SUCCESS' && { success_time: localTime(new Date(refund.at)) }),
        create_time: localTime(new Date(refund.at)),
        user_received_account: '支付用户零钱',
        amount: {
          total: paidFen(trade),
          refund: refund.amountFen,
          payer_total: paidFen(trade),
          payer_refund: refund.amountFen,
          currency: 'CNY',
        },
      }
    },
    stop() {
      notices.stop()
      for (const timer of timers) clearTimeout(timer)
    },
  }

  // What was under way when the last process ended goes on.
  for (const trade of book.list()) {
    for (const payment of trade.payments) if (trade.notifyUrl) notices.send(paymentNotice(trade, payment))
    for (const refund of trade.refunds) {
      if (refund.status === 'PROCESSING') finishLater(refund)
      else if (refund.notifyUrl) notices.send(refundNotice(refund))
    }
  }
  return desk
}

const TYPES: Readonly<Record<string, string>> = { jsapi: 'JSAPI', h5: 'MWEB', native: 'NATIVE' }
const isTaken = (status: number): boolean => status === 200 || status === 204

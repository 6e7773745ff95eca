import type { Notice, Notifier } from './notifier.ts'
import type { Payment, Refund, Trade, TradeBook } from './trade-book.ts'

/** A channel's back office: the book, and telling the merchant about each fact in it. */
export interface Desk {
  book: TradeBook
  /** Pays and tells the merchant. */
  pay: TradeBook['pay']
  /** Takes a refund, completes it and tells the merchant. */
  refund: TradeBook['refund']
  finishRefund(refund: Refund, status: Refund['status']): void
  /** Sends all finished facts of a trade once more; answers how many. */
  notifyAgain(outTradeNo: string): number
  /** Resumes what was under way when the last process ended. */
  resume(): void
  stop(): void
}

export interface DeskParts {
  book: TradeBook
  notices: Notifier
  /** How long a refund stays PROCESSING; 0 completes it within the call. */
  refund_ms: number
  paymentNotice(trade: Trade, payment: Payment): Notice
  refundNotice(trade: Trade, refund: Refund): Notice
}

export function openDesk({ book, notices, refund_ms, paymentNotice, refundNotice }: DeskParts): Desk {
  const timers = new Set<NodeJS.Timeout>()
  const send = (notice: Notice): void => {
    if (notice.url) notices.send(notice)
  }
  const finishRefund = (refund: Refund, status: Refund['status']): void => {
    book.moveRefund(refund.outRefundNo, status)
    if (status !== 'PROCESSING') send(refundNotice(book.find(refund.outTradeNo)!, refund))
  }
  const finishLater = (refund: Refund): void => {
    if (refund_ms === 0) {
      finishRefund(refund, 'SUCCESS')
      return
    }
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (refund.status === 'PROCESSING') finishRefund(refund, 'SUCCESS')
    }, refund_ms)
    timers.add(timer)
  }
  const factsOf = (trade: Trade): Notice[] => [
    ...trade.payments.map(payment => paymentNotice(trade, payment)),
    ...trade.refunds.filter(refund => refund.status !== 'PROCESSING').map(refund => refundNotice(trade, refund)),
  ]
  return {
    book,
    pay(outTradeNo, how) {
      const result = book.pay(outTradeNo, how)
      if (result.kind === 'paid') send(paymentNotice(result.trade, result.payment))
      return result
    },
    refund(input) {
      const isNew = book.findRefund(input.outRefundNo) === undefined
      const result = book.refund(input)
      if (isNew && result.kind === 'taken') finishLater(result.refund)
      return result
    },
    finishRefund,
    notifyAgain(outTradeNo) {
      const trade = book.find(outTradeNo)
      const facts = trade ? factsOf(trade).filter(notice => notice.url) : []
      for (const notice of facts) notices.sendAgain(notice)
      return facts.length
    },
    resume() {
      for (const trade of book.list()) {
        for (const notice of factsOf(trade)) if (!book.isAcknowledged(notice.key)) send(notice)
        for (const refund of trade.refunds) if (refund.status === 'PROCESSING') finishLater(refund)
      }
    },
    stop() {
      notices.stop()
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

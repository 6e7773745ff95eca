import { seededRandom } from '#kernel/random.ts'
import { type Journal, openJournal } from './journal.ts'

/** What a channel knows about its trades; the same for every channel, folded from the journal. */
/** What a wallet takes off, and who bears it: the channel pays its own out to the merchant, the merchant's is kept from it. */
export interface Coupon {
  name: string
  fen: number
  funder: 'channel' | 'merchant'
}
export interface Payment {
  txnNo: string
  amountFen: number
  paidAt: string
  coupon?: Coupon
}
export type RefundStatus = 'SUCCESS' | 'PROCESSING' | 'ABNORMAL' | 'CLOSED'
export interface Refund {
  refundNo: string
  outRefundNo: string
  outTradeNo: string
  /** The payment given back. */
  txnNo: string
  amountFen: number
  status: RefundStatus
  at: string
  notifyUrl: string
}
export interface TradeOpened {
  outTradeNo: string
  amountFen: number
  title: string
  product: string
  handle: string
  payer: string
  notifyUrl: string
  returnUrl: string
  expireAt: string
  createdAt: string
}
export interface Trade extends TradeOpened {
  isClosed: boolean
  payments: Payment[]
  refunds: Refund[]
}

type TradeEvent =
  | { type: 'opened'; trade: TradeOpened }
  | { type: 'paid'; outTradeNo: string; payment: Payment; payer: string }
  | { type: 'closed'; outTradeNo: string }
  | { type: 'refunded'; refund: Refund }
  | { type: 'refund_moved'; outTradeNo: string; outRefundNo: string; status: RefundStatus }
  | { type: 'acknowledged'; key: string }

export type PayResult =
  | { kind: 'paid'; trade: Trade; payment: Payment }
  | { kind: 'refused'; why: 'closed' | 'paid' | 'expired' | 'missing' }
export type RefundResult = { kind: 'taken'; refund: Refund } | { kind: 'refused'; why: 'missing' | 'too_much' | 'conflict' }

export interface TradeBook {
  find(outTradeNo: string): Trade | undefined
  findByHandle(handle: string): Trade | undefined
  findRefund(outRefundNo: string): Refund | undefined
  list(): Trade[]
  open(trade: TradeOpened): Trade
  /** `force` pays a closed, expired or already paid trade all the same, with any amount: the races of the real world on demand. */
  pay(outTradeNo: string, how?: { force?: boolean; amountFen?: number; payer?: string }): PayResult
  /** A coupon every wallet uses from now on, or none. */
  offer(coupon: Coupon | undefined): void
  offered(): Coupon | undefined
  close(outTradeNo: string): void
  findByTxn(txnNo: string): { trade: Trade; payment: Payment } | undefined
  refund(input: Omit<Refund, 'refundNo' | 'status' | 'at' | 'outTradeNo'>): RefundResult
  moveRefund(outRefundNo: string, status: RefundStatus): Refund | undefined
  acknowledge(key: string): void
  isAcknowledged(key: string): boolean
  /** A fresh channel number: 28 digits, never repeated within a book. */
  nextNumber(prefix: string): string
}

/** Given back of a trade, or of one of its payments. */
export const refundedFen = (trade: Trade, txnNo?: string): number =>
  trade.refunds
    .filter(refund => (refund.status === 'SUCCESS' || refund.status === 'PROCESSING') && (!txnNo || refund.txnNo === txnNo))
    .reduce((sum, refund) => sum + refund.amountFen, 0)
export const paidFen = (trade: Trade): number => trade.payments.reduce((sum, payment) => sum + payment.amountFen, 0)
/** What the payer gave of a payment. */
export const payerFen = ({ amountFen, coupon }: Payment): number => amountFen - (coupon?.fen ?? 0)
/** Of a payment, what its coupon keeps from the merchant; of a refund, what the merchant need not give back of it. */
export const merchantFen = ({ coupon }: Payment): number => (coupon?.funder === 'merchant' ? coupon.fen : 0)
export function merchantBackFen(trade: Trade, refund: Refund): number {
  const payment = trade.payments.find(candidate => candidate.txnNo === refund.txnNo)
  if (!payment) return 0
  const own = trade.refunds.filter(other => other.txnNo === refund.txnNo && other.status !== 'CLOSED')
  const before = own.slice(0, own.indexOf(refund)).reduce((sum, other) => sum + other.amountFen, 0)
  const shareOf = (fen: number) => Math.floor((merchantFen(payment) * fen) / payment.amountFen)
  return shareOf(before + refund.amountFen) - shareOf(before)
}
export const isExpired = (trade: Trade, now: Date): boolean => trade.expireAt !== '' && Date.parse(trade.expireAt) <= now.getTime()

/** Opens the book of one channel from its journal file. */
export function openTradeBook(path: string, seed: string, now: () => Date): TradeBook {
  const trades = new Map<string, Trade>()
  const handles = new Map<string, Trade>()
  const payments = new Map<string, { trade: Trade; payment: Payment }>()
  const refunds = new Map<string, Refund>()
  const acknowledged = new Set<string>()
  let coupon: Coupon | undefined
  const random = seededRandom(`${seed}:numbers:${now().getTime()}`)

  const fold = (event: TradeEvent): void => {
    switch (event.type) {
      case 'opened': {
        const trade: Trade = { ...event.trade, isClosed: false, payments: [], refunds: [] }
        trades.set(trade.outTradeNo, trade)
        handles.set(trade.handle, trade)
        return
      }
      case 'paid': {
        const trade = trades.get(event.outTradeNo)!
        trade.payments.push(event.payment)
        payments.set(event.payment.txnNo, { trade, payment: event.payment })
        trade.payer = event.payer
        return
      }
      case 'closed':
        trades.get(event.outTradeNo)!.isClosed = true
        return
      case 'refunded':
        refunds.set(event.refund.outRefundNo, event.refund)
        trades.get(event.refund.outTradeNo)!.refunds.push(event.refund)
        return
      case 'refund_moved':
        refunds.get(event.outRefundNo)!.status = event.status
        return
      case 'acknowledged':
        acknowledged.add(event.key)
    }
  }
  const journal: Journal<TradeEvent> = openJournal(path, fold)
  const record = (event: TradeEvent): void => {
    journal.append(event)
    fold(event)
  }
  const nextNumber = (prefix: string): string => {
    const day = new Date(now().getTime() + 8 * 3_600_000).toISOString().slice(0, 10).replaceAll('-', '')
    let number = `${prefix}${day}`
    while (number.length < 28) number += String(random.int(10))
    return number
  }

  return {
    find: outTradeNo => trades.get(outTradeNo),
    findByHandle: handle => handles.get(handle),
    findByTxn: txnNo => payments.get(txnNo),
    findRefund: outRefundNo => refunds.get(outRefundNo),
    list: () => [...trades.values()],
    open(trade) {
      record({ type: 'opened', trade })
      return trades.get(trade.outTradeNo)!
    },
    pay(outTradeNo, how = {}) {
      const trade = trades.get(outTradeNo)
      if (!trade) return { kind: 'refused', why: 'missing' }
      if (!how.force) {
        if (trade.payments.length > 0) return { kind: 'refused', why: 'paid' }
        if (trade.isClosed) return { kind: 'refused', why: 'closed' }
        if (isExpired(trade, now())) return { kind: 'refused', why: 'expired' }
      }
      // Whole seconds, as the channels print them: statement, query and notification then agree.
      const paidAt = new Date(Math.floor(now().getTime() / 1000) * 1000).toISOString()
      const amountFen = how.amountFen ?? trade.amountFen
      const off = coupon && Math.min(coupon.fen, amountFen - 1)
      const payment = { txnNo: nextNumber('4200'), amountFen, paidAt, ...(coupon && off && { coupon: { ...coupon, fen: off } }) }
      record({ type: 'paid', outTradeNo, payment, payer: how.payer ?? trade.payer })
      return { kind: 'paid', trade, payment }
    },
    offer(given) {
      coupon = given
    },
    offered: () => coupon,
    close(outTradeNo) {
      if (trades.get(outTradeNo)?.isClosed === false) record({ type: 'closed', outTradeNo })
    },
    refund(input) {
      const paid = payments.get(input.txnNo)
      if (!paid) return { kind: 'refused', why: 'missing' }
      const { trade, payment } = paid
      const known = refunds.get(input.outRefundNo)
      if (known) {
        const isSame = known.txnNo === input.txnNo && known.amountFen === input.amountFen
        return isSame ? { kind: 'taken', refund: known } : { kind: 'refused', why: 'conflict' }
      }
      if (refundedFen(trade, payment.txnNo) + input.amountFen > payment.amountFen) return { kind: 'refused', why: 'too_much' }
      const at = new Date(Math.floor(now().getTime() / 1000) * 1000).toISOString()
      record({
        type: 'refunded',
        refund: { ...input, outTradeNo: trade.outTradeNo, refundNo: nextNumber('5030'), status: 'PROCESSING', at },
      })
      return { kind: 'taken', refund: refunds.get(input.outRefundNo)! }
    },
    moveRefund(outRefundNo, status) {
      const refund = refunds.get(outRefundNo)
      if (refund) record({ type: 'refund_moved', outTradeNo: refund.outTradeNo, outRefundNo, status })
      return refund
    },
    acknowledge(key) {
      if (!acknowledged.has(key)) record({ type: 'acknowledged', key })
    },
    isAcknowledged: key => acknowledged.has(key),
    nextNumber,
  }
}

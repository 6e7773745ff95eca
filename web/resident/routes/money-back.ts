import type { Rescue } from '#modules/billing/index.ts'
import { type OrderView as Order, orderStateOf, refundStateOf, STAFF_REFUND_CAUSES } from '#modules/payments/index.ts'

type Refund = Order['refunds'][number]

/**
 * How far money is on its way back. `biller`: it has been asked to give the payment up. `channel`: the wallet has the order
 * to pay it back. `stuck`: the wallet refused and a person looks.
 */
export interface MoneyBack {
  readonly amountFen: number
  readonly stage: 'biller' | 'channel' | 'stuck' | 'done'
  readonly doneAt?: Date
  readonly cause: 'undone' | 'agreed' | 'refused' | 'beside' | 'part'
}

/** Money that came beside what was owed: giving it back leaves the order paid. */
const BESIDE = new Set(['duplicate_pay', 'late_pay', 'amount'])
const STAFF: ReadonlySet<string> = new Set(STAFF_REFUND_CAUSES)
const isBeside = (refund: Refund): boolean => BESIDE.has(refund.cause)

function sum(refunds: readonly Refund[], cause: MoneyBack['cause']): MoneyBack {
  const states = refunds.map(refund => refundStateOf(refund.state))
  const stage = states.every(state => state === 'succeeded') ? 'done' : states.includes('abnormal') ? 'stuck' : 'channel'
  const last = Math.max(...refunds.map(refund => refund.finishedAt?.getTime() ?? 0))
  return {
    amountFen: refunds.reduce((total, refund) => total + refund.amountFen, 0),
    stage,
    cause,
    ...(stage === 'done' && last > 0 && { doneAt: new Date(last) }),
  }
}

/** Refunds of what was owed, decided on. Together less than was paid, and by people at the desk, they leave the payment standing. */
function decidedOf(order: Order): { refunds: Refund[]; isPart: boolean } {
  const refunds = order.refunds.filter(refund => !isBeside(refund) && refundStateOf(refund.state) !== 'requested')
  const total = refunds.reduce((sum, refund) => sum + refund.amountFen, 0)
  return { refunds, isPart: total < order.paidFen && refunds.every(refund => STAFF.has(refund.cause)) }
}

/** What of a paid order goes back to its payer; undefined while the payment stands. */
export function findMoneyBack(order: Order, rescue?: Pick<Rescue, 'state'>): MoneyBack | undefined {
  if (orderStateOf(order.state) !== 'paid') return undefined
  const { refunds, isPart } = decidedOf(order)
  const first = refunds.at(-1)
  if (first && !isPart)
    return sum(refunds, first.cause === 'undone_by_payer' ? 'undone' : first.cause === 'biller_refused' ? 'refused' : 'agreed')
  return rescue?.state === 'returned' ? { amountFen: order.paidFen, stage: 'biller', cause: 'agreed' } : undefined
}

/** A part that goes back of a payment that stands. */
export function findPartBack(order: Order): MoneyBack | undefined {
  const { refunds, isPart } = decidedOf(order)
  return isPart && refunds.length > 0 ? sum(refunds, 'part') : undefined
}

/** What was paid too much and goes back: a second payment, one too late, or another amount. */
export function findExtraBack(order: Order): MoneyBack | undefined {
  const refunds = order.refunds.filter(isBeside)
  return refunds.length > 0 ? sum(refunds, 'beside') : undefined
}

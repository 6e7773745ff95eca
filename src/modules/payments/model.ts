import { decodeBase32, encodeBase32 } from '#kernel/id.ts'

export const ORDER = { open: 1, paid: 2, closed: 3 } as const
export const ATTEMPT = { init: 1, submitted: 2, pending: 3, unknown: 4, succeeded: 5, failed: 6, closing: 7, closed: 8 } as const
export const REFUND = { requested: 1, approved: 2, submitted: 3, unknown: 4, succeeded: 5, abnormal: 6, closed: 7 } as const

export type OrderState = keyof typeof ORDER
export type AttemptState = keyof typeof ATTEMPT
export type RefundState = keyof typeof REFUND

const nameIn = <T extends Record<string, number>>(table: T) => {
  const names = new Map(Object.entries(table).map(([name, value]) => [value, name as keyof T]))
  return (value: number): keyof T => {
    const name = names.get(value)
    if (name === undefined) throw new RangeError(`no such state: ${value}`)
    return name
  }
}
export const orderStateOf = nameIn(ORDER)
export const attemptStateOf = nameIn(ATTEMPT)
export const refundStateOf = nameIn(REFUND)

/** Why an order or attempt was closed unpaid, and why money went back or to suspense: each has words on the desk. */
export const CLOSE_REASONS = [
  'attempt_refused',
  'expired',
  'unusable',
  'not_started',
  'by_code',
  'cancelled_by_payer',
  'amount_returned',
  'paid_in_cash',
  'not_due',
  'debit_failed',
  'mandate_ended',
] as const
export const SUSPENSE_REASONS = ['duplicate_pay', 'late_pay', 'amount', 'bill_unknown', 'not_due'] as const
/** Why people at the desk give a part back: the words stand in the messages, a note may be added. */
export const STAFF_REFUND_CAUSES = ['overcharged', 'reading_corrected', 'relief', 'other'] as const
export const REFUND_CAUSES = [
  'voided',
  'undone_by_payer',
  'wrong_payment',
  'biller_refused',
  'biller_reversed',
  'debit_returned',
  ...SUSPENSE_REASONS,
  ...STAFF_REFUND_CAUSES,
] as const
export type CloseReason = (typeof CLOSE_REASONS)[number]
export type StaffRefundCause = (typeof STAFF_REFUND_CAUSES)[number]
export type RefundCause = (typeof REFUND_CAUSES)[number]

export type AttemptEvent =
  | 'request_sent'
  | 'accepted'
  | 'timed_out'
  | 'refused'
  | 'paid'
  | 'expired'
  | 'channel_closed'
  | 'query_unpaid_expired'

/** The whole machine of an attempt. What is not here cannot happen; `paid` is legal from everywhere but succeeded. */
export const ATTEMPT_TABLE: readonly (readonly [from: AttemptState, event: AttemptEvent, to: AttemptState, who: string])[] = [
  ['init', 'request_sent', 'submitted', 'worker'],
  ['submitted', 'accepted', 'pending', 'worker'],
  ['submitted', 'timed_out', 'unknown', 'worker'],
  ['submitted', 'refused', 'failed', 'worker'],
  ['pending', 'expired', 'closing', 'sweeper, resident, clerk'],
  ['unknown', 'expired', 'closing', 'sweeper, resident, clerk'],
  ['unknown', 'query_unpaid_expired', 'closing', 'janitor'],
  ['submitted', 'expired', 'closing', 'sweeper'],
  ['closing', 'channel_closed', 'closed', 'worker'],
  ['init', 'paid', 'succeeded', 'channel'],
  ['submitted', 'paid', 'succeeded', 'channel'],
  ['pending', 'paid', 'succeeded', 'channel'],
  ['unknown', 'paid', 'succeeded', 'channel'],
  ['failed', 'paid', 'succeeded', 'channel'],
  ['closing', 'paid', 'succeeded', 'channel'],
  ['closed', 'paid', 'succeeded', 'channel'],
]

export const nextAttemptState = (from: AttemptState, event: AttemptEvent): AttemptState | undefined =>
  ATTEMPT_TABLE.find(([source, on]) => source === from && on === event)?.[2]

const S = 1_000
const M = 60 * S
const UNKNOWN_MS = [3 * S, 10 * S, 30 * S, M, 2 * M, 5 * M, 10 * M, 30 * M, 60 * M]

/** When to ask the channel again after `tries` questions: denser at first, hourly to 24 h 4 min, then the statement decides. */
export const askAgainAfterMs = (tries: number): number => UNKNOWN_MS[Math.min(tries, UNKNOWN_MS.length - 1)]!

/** Time a payer has to finish in the wallet. */
export const ORDER_MS_MAX = 15 * M
/** A channel that still does not know an attempt this long after it was sent never got it. */
export const NEVER_EXISTED_GRACE_MS = 60 * S
/** Times a refund the channel closed is asked for again under a new number; then a person looks. */
export const REFUND_REPEATS_MAX = 3
/** The channels give money back within a year of its payment, in at most so many refunds of one order. */
export const REFUND_MS_MAX = 365 * 24 * 60 * M
export const REFUNDS_MAX = 50
/** The channel of money taken at a window; its merchant number is the drawer. */
export const CASH = 'cash'
/** The channel, and the place, of money taken from what was paid in advance; its merchant number is the balance. */
export const PREPAID = 'prepaid'
/** What a top-up pays. */
export const PREPAY_SUBJECT = 'prepay'
/** What an order of cash pays that was taken without the network for a bill nobody knows: it is never paid, only returned. */
export const OFFLINE_SUBJECT = 'offline_act'
/** The channel, and the place, of money a bank debits by file; its merchant number is bank and batch. */
export const DEBIT = 'debit'
/** Undo on the receipt (适老化: ten minutes for money). */
export const UNDO_MS_MAX = 10 * M

/** Order number on the channel: tenant and attempt id, 30 characters of the 32 a channel allows. No look-up is needed to read it. */
export function outTradeNoOf(tenantId: number, attemptId: string): string {
  const tenant = tenantId.toString(36).padStart(3, '0')
  if (tenant.length > 3) throw new RangeError(`tenant ${tenantId} does not fit an order number`)
  return `y${tenant}${encodeBase32(Buffer.from(attemptId.replaceAll('-', ''), 'hex'))}`
}

/** Tenant and attempt of one of our numbers; undefined for anybody else's. */
export function readOutTradeNo(text: string): { tenantId: number; attemptId: string } | undefined {
  if (!/^y[0-9a-z]{29}$/.test(text)) return undefined
  const hex = decodeBase32(text.slice(4))?.toString('hex')
  if (!hex) return undefined
  return {
    tenantId: Number.parseInt(text.slice(1, 4), 36),
    attemptId: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
  }
}

/** What the success of an attempt books: debit of the channel's clearing account, credits of the payees; fen, sum 0. */
export interface Booking {
  readonly id: string
  readonly channel: string
  readonly amountFen: number
  readonly accounts: readonly number[]
  readonly amounts: readonly number[]
}

/** A channel's payment, or its answer to a refund, as the document the books know it by. */
export const documentOf = (channel: string, number: string): string => `${channel}:${number}`

/** Body of `payments.order_paid` up to the channel's number: put together once here, so that the confirmation only adds what it alone knows. */
export const paidEventOf = ({ id, channel, amountFen, accounts, amounts }: Booking): string =>
  `${JSON.stringify({ accounts, amount_fen: amountFen, amounts, attempt: id, channel }).slice(0, -1)},"txn":`

/** Unit of a set of books; each journal has one. Amounts are integers in it. */
export type Unit = 'fen' | 'point' | 'minute'

export interface Posting {
  readonly accountId: number
  /** Debit positive, credit negative. */
  readonly amount: number
}

/** The only bookings there are; free-form journals do not exist. Which accounts each one touches: docs of `post`. */
export const TEMPLATES = [
  'PAY',
  'CASH',
  'PREPAY',
  'APPLY',
  'SETTLE',
  'REMIT',
  'REFUND_RESERVE',
  'REFUND_DONE',
  'REFUND_RELEASE',
  'LATE',
  'SUSPENSE_APPLY',
  'SUSPENSE_REFUND',
  'UNIDENTIFIED',
  'WRITE_OFF',
  'DEBIT_RET',
  'CASH_DIFF',
  'REVERSAL',
] as const
export type Template = (typeof TEMPLATES)[number]

/** Throws unless the postings form a journal: two or more, none zero, all safe integers, sum zero. */
export function assertBalanced(postings: readonly Posting[]): void {
  if (postings.length < 2) throw new RangeError(`a journal has at least two entries, got ${postings.length}`)
  let sum = 0
  for (const { amount } of postings) {
    if (!Number.isSafeInteger(amount) || amount === 0) throw new RangeError(`not an amount: ${amount}`)
    sum += amount
  }
  if (sum !== 0) throw new RangeError(`journal does not balance: ${sum}`)
}

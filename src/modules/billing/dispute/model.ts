import type { WaivedSpan } from '../dues.ts'

/** Why somebody asks a biller to check a bill: the words stand in the messages. */
export const DISPUTE_REASONS = ['amount', 'reading', 'paid_already', 'not_mine', 'other'] as const
export type DisputeReason = (typeof DISPUTE_REASONS)[number]

/** open: the biller looks. upheld: the bill is wrong, and the biller corrects it. kept: it stands. withdrawn: by who asked. */
export const DISPUTE_STATES = ['open', 'upheld', 'kept', 'withdrawn'] as const
export type DisputeState = (typeof DISPUTE_STATES)[number]

const NO_END = '9999-12-31'

export interface Standing {
  readonly state: DisputeState
  /** What the bill said when it was asked about. */
  readonly amountFen: number
  readonly askedOn: string
  readonly decidedOn: string | null
}

/**
 * Days without a late fee for a bill somebody asked about: all of them while it is looked at, those it took to answer if it stands,
 * and from the first one on if it was wrong. Taken back, it was never asked.
 */
export function daysFrozen({ state, askedOn, decidedOn }: Standing): readonly WaivedSpan[] {
  if (state === 'withdrawn') return []
  return [{ from: askedOn, to: state === 'kept' ? decidedOn! : NO_END }]
}

/** Whether nothing is taken or reminded of by itself: until the answer, and where the bill was wrong until it is corrected. */
export const isFrozen = ({ state, amountFen }: Standing, bill: { readonly amountFen: number }): boolean =>
  state === 'open' || (state === 'upheld' && amountFen === bill.amountFen)

import { addDays, dayOf, startOfDay } from '#kernel/time.ts'

const DAY_MS = 86_400_000

export const BREAK_CLASSES = [
  'channel_only',
  'ledger_only',
  'amount',
  'refund_only',
  'refund_missing',
  'duplicate_in_file',
  'debit_missing',
  'debit_unknown',
  'debit_conflict',
  'biller_missing',
  'biller_only',
  'biller_amount',
  'settle_diff',
  'bank_only',
] as const
export type BreakClass = (typeof BREAK_CLASSES)[number]
/** Those a comparison of a channel's statement finds; the others come from the files of a bank that debits, or of a biller. */
type StatedClass = Exclude<BreakClass, `debit_${string}` | `biller_${string}` | 'settle_diff' | 'bank_only'>
/** 1 is grave: money may be missing or was moved by nobody known; it stops the remittance of its day. */
export type Severity = 1 | 2 | 3

/** How a break ended: by itself, or by a person with a reason. */
export const RESOLUTIONS = ['booked', 'in_other_file', 'corrected_file', 'dropped_exact_repeat', 'given_back', 'by_person'] as const
/** What a person found out about a break: the words stand in the messages, a note may be added. */
export const BREAK_REASONS = ['channel_corrects', 'found_equal', 'loss_accepted', 'kept_as_income', 'other'] as const
export type BreakReason = (typeof BREAK_REASONS)[number]
export type Resolution = (typeof RESOLUTIONS)[number]

/** More differences than this mean another merchant's or another day's file, not differences. */
export const BREAKS_MAX = 10_000
/** A payment this near midnight may stand in the neighbouring day's file. */
const CUT_OFF_MS = 10 * 60_000
/** Days a break may wait for its row in another file before it is grave. */
export const CARRY_DAYS = 3

/** One difference, in the words of the statement or of the books. */
export interface Difference {
  readonly line: number | null
  readonly statedRef: string | null
  readonly isRefund: boolean | null
  readonly ourNo: string | null
  readonly statedFen: number | null
  readonly statedAt: Date | null
  readonly bookedRef: string | null
  readonly about: string | null
  readonly bookedFen: number | null
  readonly bookedAt: Date | null
  readonly isRefundBooked: boolean | null
}

/** Which class a difference is of. A row of one kind booked as the other never agrees: it is a matter of the amount. */
export function classOf(d: Difference): StatedClass {
  if (d.statedRef !== null && d.bookedRef !== null) return 'amount'
  if (d.statedRef !== null) return d.isRefund ? 'refund_only' : 'channel_only'
  return d.isRefundBooked ? 'refund_missing' : 'ledger_only'
}

/**
 * How grave a difference is. Money the channel has and we have not booked can be asked about; money booked that the channel
 * does not state, and another amount, are grave, unless midnight is near enough to explain it.
 */
export function severityOf(kind: StatedClass, happenedAt: Date, isOurs: boolean): Severity {
  switch (kind) {
    case 'amount':
      return 1
    case 'ledger_only':
    case 'refund_missing':
      return isNearMidnight(happenedAt) ? 3 : 1
    case 'refund_only':
      return isOurs ? 2 : 1
    case 'channel_only':
      return 2
    case 'duplicate_in_file':
      return 3
  }
}

function isNearMidnight(at: Date): boolean {
  const ms = at.getTime() - startOfDay(dayOf(at)).getTime()
  return ms < CUT_OFF_MS || ms >= DAY_MS - CUT_OFF_MS
}

/** Instant from which a break that waits for its row in another file is grave. */
export const graveFrom = (day: string): Date => startOfDay(addDays(day, CARRY_DAYS + 1))

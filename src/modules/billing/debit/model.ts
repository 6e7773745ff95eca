import { addDays, dayOf, timeOfDay } from '#kernel/time.ts'
import type { DebitFailure } from '#modules/payments/index.ts'

/** What a resident sets; everything else of a mandate follows. */
export interface Terms {
  readonly ceilingFen: number
  /** Days before the due day on which a bill is debited. */
  readonly daysBefore: number
  /** Last day; null until it is ended. */
  readonly untilOn: string | null
}

export const DAYS_BEFORE = [3, 1, 0] as const
export const CEILING_FEN_MAX = 1_000_000
export const CEILINGS_FEN = [20_000, 50_000, 100_000] as const
/** Bills of a day are collected from this time on; they leave for the bank some hours later. */
export const COLLECT_AT = '06:00'

/**
 * What follows a debit that failed. `tries` counts all of them, one a day at most; `suspends`: nothing is debited by the mandate
 * any more until it is made anew, and its payer is told why.
 */
export const RETRY_POLICY: Readonly<Record<DebitFailure, { readonly tries: number; readonly suspends: boolean }>> = {
  insufficient: { tries: 3, suspends: false },
  over_limit: { tries: 2, suspends: false },
  account_frozen: { tries: 2, suspends: false },
  not_received: { tries: 3, suspends: false },
  refused: { tries: 1, suspends: false },
  account_closed: { tries: 1, suspends: true },
  mandate_unknown: { tries: 1, suspends: true },
}

/** First day on which a bill may be debited, as long as it is open. */
export const debitDay = (dueOn: string, terms: Pick<Terms, 'daysBefore'>): string => addDays(dueOn, -terms.daysBefore)

/** The day a bill would be debited, seen from `now`: this morning's collection is over once it has begun. */
export function nextDebitDay(dueOn: string, terms: Terms, now: Date): string | undefined {
  const today = dayOf(now)
  const earliest = timeOfDay(now) < COLLECT_AT ? today : addDays(today, 1)
  const day = [debitDay(dueOn, terms), earliest].sort()[1]!
  return terms.untilOn !== null && day > terms.untilOn ? undefined : day
}

export interface TryRow {
  readonly try: number
  readonly day: string
  readonly outcome: 'waiting' | 'debited' | 'failed' | 'returned' | 'withdrawn' | 'over_ceiling'
  readonly failure: DebitFailure | null
}

/**
 * Number of the try that is due for an open bill; undefined when there is none: one is under way, it was taken back, or the reason
 * it failed for allows no more. Tries withdrawn with their draft are as if they had not been.
 */
export function nextTry(made: readonly TryRow[], today: string): number | undefined {
  const tried = made.filter(one => one.try > 0)
  if (tried.length === 0) return 1
  const last = tried.reduce((a, b) => (b.try > a.try ? b : a))
  if (last.outcome === 'withdrawn') return last.try + 1
  if (last.outcome !== 'failed' || last.failure === null || last.day >= today) return undefined
  const failures = tried.filter(one => one.outcome === 'failed').length
  return failures < RETRY_POLICY[last.failure].tries ? last.try + 1 : undefined
}

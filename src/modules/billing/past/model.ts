import { addDays } from '#kernel/time.ts'

/**
 * How the two systems differ about a bill on a day. there_only: the old system took a payment we know nothing of. here_only: we took
 * one it does not state. amount: both took one, of another amount. unknown_bill: it states a bill we do not have.
 */
export const DIFFERENCES = ['there_only', 'here_only', 'amount', 'unknown_bill'] as const
/**
 * What looks different and is not. other_day: the same payment stands on the day before or after, as around midnight.
 * settled: we know that the bill was paid elsewhere.
 */
export const EXPLAINED = ['other_day', 'settled'] as const
export type ShadowClass = (typeof DIFFERENCES)[number] | (typeof EXPLAINED)[number]

/** A bill's money on a day, as each side has it; null where it has none. */
export interface Sides {
  readonly thereFen: number | null
  readonly hereFen: number | null
}

export interface ComparedDay {
  readonly day: string
  readonly differences: number
}

export interface Streak {
  /** Days in a row without a difference, up to the last that was compared. */
  readonly days: number
  /** The first of them. */
  readonly since?: string
  readonly last?: string
}

/** A day that was not compared ends the row just as one that differs: nothing is known of it. */
export function streakOf(compared: readonly ComparedDay[]): Streak {
  const newest = [...compared].sort((a, b) => (a.day < b.day ? 1 : -1))
  const last = newest[0]?.day
  let days = 0
  for (const { day, differences } of newest) {
    if (differences > 0 || day !== addDays(last!, -days)) break
    days++
  }
  return { days, ...(days > 0 && { since: addDays(last!, 1 - days) }), ...(last && { last }) }
}

/** Days between the first and the last compared that have no file. */
export function missingDays(compared: readonly string[]): string[] {
  const known = new Set(compared)
  const sorted = [...known].sort()
  const missing: string[] = []
  for (let day = sorted[0]; day !== undefined && day < sorted.at(-1)!; day = addDays(day, 1)) if (!known.has(day)) missing.push(day)
  return missing
}

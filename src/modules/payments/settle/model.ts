import { divideHalfUp } from '#kernel/money.ts'

/** What a channel states about a day, as far as it pays it out. */
export interface StatedDay {
  readonly day: string
  readonly rows: number
  /** Payments less refunds. */
  readonly grossFen: number
  /** In 1/100000 yuan; negative when more fees came back with refunds than were taken. */
  readonly feeE5: number
  /** What discounts at our own cost keep from us. */
  readonly discountFen: number
}

const E5_PER_FEN = 1_000n
export const feeFenOf = (feeE5: number): number => Number(divideHalfUp(BigInt(feeE5), E5_PER_FEN))
/** What is expected to arrive for a day. */
export const netOf = (stated: StatedDay): number => stated.grossFen - stated.discountFen - feeFenOf(stated.feeE5)

export interface Covered {
  readonly days: readonly StatedDay[]
  /** What rounding each row's fee left over: expected less arrived. */
  readonly roundingFen: number
}

function covers(days: readonly StatedDay[], amountFen: number): Covered | undefined {
  const rows = days.reduce((sum, stated) => sum + stated.rows, 0)
  const roundingFen = days.reduce((sum, stated) => sum + netOf(stated), 0) - amountFen
  // Each row's fee was rounded by less than a fen.
  return roundingFen === 0 || Math.abs(roundingFen) < rows ? { days, roundingFen } : undefined
}

/**
 * Which days a payout pays: the day it names, or, where days before it brought less than they cost, that day and every open one
 * before it together. Undefined when neither makes its amount. `open` are days not paid out yet, up to the one it names.
 */
export function coveredBy(open: readonly StatedDay[], day: string, amountFen: number): Covered | undefined {
  const named = open.filter(stated => stated.day === day)
  if (named.length === 0) return undefined
  return covers(named, amountFen) ?? covers(open, amountFen)
}

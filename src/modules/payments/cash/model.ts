import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'

/** Notes and coins of the renminbi in use at a window, in fen. */
export const DENOMINATIONS_FEN = [10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10] as const

/** Pieces by denomination in fen. */
export type Count = Readonly<Record<string, number>>

const PIECES_MAX = 100_000

/** A count as typed: empty means none. Anything that is no whole number of pieces is refused with its denomination. */
export function readCount(typed: Readonly<Record<string, string | undefined>>): Result<{ readonly count: Count; readonly fen: number }> {
  const count: Record<string, number> = {}
  let fen = 0
  for (const denomination of DENOMINATIONS_FEN) {
    // Only the full-width digits of an input method: wider folding would read ² as 2.
    const text = (typed[`d${denomination}`] ?? '').replace(/[０-９]/g, digit => String.fromCharCode(digit.charCodeAt(0) - 0xfee0)).trim()
    if (text !== '' && !/^\d{1,6}$/.test(text)) return fail(errors.count_malformed, undefined, `d${denomination}`)
    const pieces = Number(text)
    if (pieces > PIECES_MAX) return fail(errors.count_malformed, undefined, `d${denomination}`)
    if (pieces > 0) count[denomination] = pieces
    fen += pieces * denomination
  }
  return ok({ count, fen })
}

/** A drawer's name as the chart of accounts can hold it. */
export const isDrawerName = (text: string): boolean => /^[A-Za-z0-9_.-]{1,20}$/.test(text)

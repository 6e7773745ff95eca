import { divideHalfUp } from '#kernel/money.ts'
import { addDays, dayOf, daysBetween, timeOfDay } from '#kernel/time.ts'

/** What a biller asks beyond the amount of a bill, and what it takes less. Amounts in fen, shares in millionths. */
export interface BillerRule {
  readonly grace_days: number
  /** Share of the unpaid principal per day. */
  readonly rate_per_day_e6: number
  readonly minimum_fen?: number
  /** Least part of a bill that is taken; absent where bills are paid whole. */
  readonly part_min_fen?: number
  /** What a part goes to first; the late fee unless told. */
  readonly part_first?: (typeof PART_FIRST)[number]
  /** Days before the due day on which a bill paid whole still costs less, and by which share. */
  readonly rebate_days?: number
  readonly rebate_e6?: number
  /** 'HH:MM' from which a payment counts as made on the next day. */
  readonly cut_off?: string
  /** Days in which the biller takes a posting back by itself; later, people talk to it. */
  readonly reversal_days?: number
  /** Most that may be held for an account in advance; absent where nothing is paid in advance. */
  readonly prepay_max_fen?: number
}

export const PART_FIRST = ['late_fee', 'principal'] as const
const REVERSAL_DAYS = 30

/** A rule and the first day on which it holds; until then the one before it does. */
export interface DatedRule {
  readonly validFrom: string
  readonly rule: BillerRule
}

/** Days, first and last included, that count for no late fee. */
export interface WaivedSpan {
  readonly from: string
  readonly to: string
}

/** A part of a bill that was paid, by the day it counts on. */
export interface PartOfBill {
  readonly on: string
  readonly principalFen: number
  readonly lateFeeFen: number
}

const laterOf = (a: string, b: string): string => (a < b ? b : a)

/** Days after `from` up to and with `to` that no span waives. Spans may overlap. */
function countedDays(from: string, to: string, waived: readonly WaivedSpan[]): number {
  let days = daysBetween(from, to)
  let reached = from
  for (const span of [...waived].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    const before = laterOf(addDays(span.from, -1), reached)
    const last = span.to < to ? span.to : to
    if (before < last) {
      days -= daysBetween(before, last)
      reached = last
    }
  }
  return days
}

/** The rule that holds on a day. Rules in the order of their first days, at least one. */
export const ruleOn = (day: string, rules: readonly DatedRule[]): BillerRule =>
  (rules.findLast(dated => dated.validFrom <= day) ?? rules[0]!).rule

/** The day a payment made now counts on: the next one past the biller's cut-off. */
export function countedOn(now: Date, rules: readonly DatedRule[]): string {
  const today = dayOf(now)
  const { cut_off } = ruleOn(today, rules)
  return cut_off !== undefined && timeOfDay(now) >= cut_off ? addDays(today, 1) : today
}

/** Whether a biller takes a payment back by itself, by the rule of the day it was made on. */
export const isReversible = (paidAt: Date, now: Date, rules: readonly DatedRule[]): boolean =>
  daysBetween(dayOf(paidAt), dayOf(now)) <= (ruleOn(dayOf(paidAt), rules).reversal_days ?? REVERSAL_DAYS)

/**
 * Late fee in fen that has grown until `day`, what was paid of it included: none within the grace of the rule that held on the due
 * day, then for each day by the rule of that day on the principal unpaid in the morning, except days waived, never above the
 * principal.
 */
export function lateFeeFen(
  principalFen: number,
  dueOn: string,
  day: string,
  rules: readonly DatedRule[],
  waived: readonly WaivedSpan[] = [],
  paid: readonly PartOfBill[] = [],
): number {
  const start = addDays(dueOn, ruleOn(dueOn, rules).grace_days)
  if (start >= day) return 0
  const ends = [...rules.map(dated => addDays(dated.validFrom, -1)), ...paid.map(part => part.on)]
  const steps = [...new Set(ends.filter(last => last > start && last < day))].sort()
  let product_e6 = 0n
  let days = 0
  let last = start
  let from = start
  for (const to of [...steps, day]) {
    const unpaidFen = principalFen - paid.reduce((sum, part) => sum + (part.on <= from ? part.principalFen : 0), 0)
    const counted = unpaidFen > 0 ? countedDays(from, to, waived) : 0
    days += counted
    if (unpaidFen > 0) last = to
    product_e6 += BigInt(unpaidFen) * BigInt(ruleOn(addDays(from, 1), rules).rate_per_day_e6) * BigInt(counted)
    from = to
  }
  if (days === 0) return 0
  const fee = Number(divideHalfUp(product_e6, 1_000_000n))
  return Math.min(Math.max(fee, ruleOn(last, rules).minimum_fen ?? 0), principalFen)
}

export interface Dues {
  /** Principal nobody has paid yet. */
  readonly restFen: number
  readonly lateFeeFen: number
  /** What paying the whole of it costs less today. */
  readonly rebateFen: number
}

interface Asked {
  readonly amountFen: number
  readonly dueOn: string
}

/** What a bill asks for if it is paid on a day. */
export function duesOn(
  bill: Asked,
  day: string,
  rules: readonly DatedRule[],
  waived: readonly WaivedSpan[],
  paid: readonly PartOfBill[],
): Dues {
  const sum = (of: (part: PartOfBill) => number) => paid.reduce((total, part) => total + of(part), 0)
  const restFen = Math.max(0, bill.amountFen - sum(part => part.principalFen))
  const grown = lateFeeFen(bill.amountFen, bill.dueOn, day, rules, waived, paid)
  const { rebate_days, rebate_e6 = 0 } = ruleOn(day, rules)
  const isEarly = paid.length === 0 && rebate_days !== undefined && daysBetween(day, bill.dueOn) >= rebate_days
  return {
    restFen,
    lateFeeFen: Math.max(0, grown - sum(part => part.lateFeeFen)),
    rebateFen: isEarly ? Math.min(restFen - 1, Number(divideHalfUp(BigInt(restFen) * BigInt(rebate_e6), 1_000_000n))) : 0,
  }
}

export const dueFen = ({ restFen, lateFeeFen, rebateFen }: Dues): number => restFen + lateFeeFen - rebateFen

/** What a part goes to. The rebate is for who pays whole. */
export function applyPart(partFen: number, dues: Dues, rule: BillerRule): Pick<PartOfBill, 'principalFen' | 'lateFeeFen'> {
  if (rule.part_first === 'principal') {
    const principalFen = Math.min(partFen, dues.restFen)
    return { principalFen, lateFeeFen: partFen - principalFen }
  }
  const lateFeeFen = Math.min(partFen, dues.lateFeeFen)
  return { principalFen: partFen - lateFeeFen, lateFeeFen }
}

/** Least and most a part of a bill may be; undefined where it is paid whole: the rule asks it, or so little is left. */
export function partRange(dues: Dues, rule: BillerRule): { readonly minFen: number; readonly maxFen: number } | undefined {
  const maxFen = dues.restFen + dues.lateFeeFen - 1
  return rule.part_min_fen !== undefined && rule.part_min_fen <= maxFen ? { minFen: rule.part_min_fen, maxFen } : undefined
}

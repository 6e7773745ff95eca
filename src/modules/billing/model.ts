import { daysBetween } from '#kernel/time.ts'
import type { BillerRule } from './dues.ts'
import type { ProductAmounts } from './products/model.ts'

export const POSTING = { held: 1, sent: 2, posted: 3, unknown: 4, rejected: 5, reversing: 6, reversed: 7 } as const
export type PostingState = keyof typeof POSTING
export const postingStateOf = (value: number): PostingState => (Object.keys(POSTING) as PostingState[])[value - 1]!

/** Lines of an order that a receipt proves: a bill and its late fee, something ordered, or money in advance; all but the last are told to the biller. */
export const TOLD_KINDS = ['bill', 'late_fee', 'product', 'prepay'] as const
export const isTold = ({ subjectKind }: { readonly subjectKind: string }): boolean => TOLD_KINDS.some(kind => kind === subjectKind)

export const RESCUE_REASONS = ['account', 'twice', 'amount', 'other'] as const
export type RescueReason = (typeof RESCUE_REASONS)[number]

/** Why an account owes no late fee for some days: the words stand in the messages. */
export const WAIVER_REASONS = ['hardship', 'meter_dispute', 'biller_fault', 'system_down', 'other'] as const
export type WaiverReason = (typeof WAIVER_REASONS)[number]

export interface FeeLine {
  readonly item: string
  readonly name: string
  readonly quantity_e3?: number
  readonly unit_price_e4?: number
  readonly amount_fen: number
}

export interface BillerConfig {
  readonly account: { readonly pattern: string; readonly check: CheckAlgorithm; readonly length: number; readonly example: string }
  readonly late_fee: BillerRule
  readonly partial_payment: 'none' | 'oldest_first' | 'free'
  readonly posting_window_min: number
  readonly cycle_months: number
  /** Age in minutes at which the biller is asked about an account somebody looks at; 10 unless told. */
  readonly query_after_min?: number
  /** Set for a biller things can be ordered from: how it writes amounts. */
  readonly products?: { readonly amounts: ProductAmounts }
  /** It writes electronic tax invoices when asked through its interface. */
  readonly tax_invoices?: boolean
  readonly mappings: Readonly<Record<string, unknown>>
  /** How its daily check file is written: as the interface we ask for, or a layout of its own. Absent where it gives none. */
  readonly check_file?: unknown
}

export type CheckAlgorithm = 'luhn' | 'weighted_mod11_2to7' | 'iso7064_mod11_10' | 'weighted_731_mod10' | 'luhn_mod36' | 'iso7064_mod97_10'

const ALPHABET_36 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'

function luhn(text: string, base: 10 | 36): boolean {
  let sum = 0
  for (let i = 0; i < text.length; i++) {
    const digit = ALPHABET_36.indexOf(text[text.length - 1 - i]!)
    if (digit < 0 || digit >= base) return false
    const value = i % 2 === 1 ? digit * 2 : digit
    sum += Math.floor(value / base) + (value % base)
  }
  return sum % base === 0
}

const CHECKS: Readonly<Record<CheckAlgorithm, (text: string) => boolean>> = {
  luhn: text => luhn(text, 10),
  luhn_mod36: text => luhn(text, 36),
  weighted_mod11_2to7(text) {
    const body = [...text.slice(0, -1)].reverse()
    const sum = body.reduce((total, digit, i) => total + Number(digit) * ((i % 6) + 2), 0)
    return (11 - (sum % 11)) % 11 === Number(text.at(-1))
  },
  iso7064_mod11_10(text) {
    let p = 10
    for (const digit of text.slice(0, -1)) p = (((p + Number(digit)) % 10 || 10) * 2) % 11
    return (11 - p) % 10 === Number(text.at(-1))
  },
  weighted_731_mod10(text) {
    const digits = text.replace(/^[A-Z]+/, '')
    const sum = [...digits.slice(0, -1)].reduce((total, digit, i) => total + Number(digit) * [7, 3, 1][i % 3]!, 0)
    return sum % 10 === Number(digits.at(-1))
  },
  iso7064_mod97_10: text => BigInt(text) % 97n === 1n,
}

/** Spaces, hyphens and full-width letters as people type them -> the form the biller prints. */
export const cleanAccountNo = (typed: string): string => typed.normalize('NFKC').replace(/[\s-]/g, '').toUpperCase()

export const isAccountNo = (text: string, rule: BillerConfig['account']): boolean =>
  new RegExp(rule.pattern).test(text) && CHECKS[rule.check](text)

export type PrecheckKey =
  | 'paid'
  | 'paying'
  | 'paying_odd'
  | 'paying_here'
  | 'debiting'
  | 'closed'
  | 'withdrawn'
  | 'offline'
  | 'amount_high'
  | 'late_fee'
  | 'due_soon'
  | 'unpaid'
  | 'account_ok'
  | 'biller_ok'
  | 'older_open'
  | 'disputed'
  | 'correcting'
  | 'not_open'

export interface Precheck {
  readonly level: 'ok' | 'warn' | 'stop'
  readonly key: PrecheckKey
  readonly params?: Readonly<Record<string, string | number>>
}

export interface PrecheckFacts {
  readonly amountFen: number
  readonly lateFeeFen: number
  readonly dueOn: string
  readonly today: string
  /** Paid before this installation took the biller's bills in. */
  readonly isSettledBefore: boolean
  readonly isWithdrawn: boolean
  readonly isAccountClosed: boolean
  readonly isBillerOnline: boolean
  /** Since when we know what is shown. */
  readonly asOf: Date
  readonly olderOpen: number
  /** Somebody asked the biller to check it: it looks, or said that it is wrong and corrects it. */
  readonly dispute?: 'open' | 'upheld'
  readonly takesOldestFirst: boolean
  /** Amounts of earlier periods of the account, newest first. */
  readonly history: readonly number[]
  readonly claim?: {
    readonly state: 'open' | 'paid' | 'closed'
    readonly mine: boolean
    readonly minutesLeft: number
    /** Another amount came in for it: people decide. */
    readonly isOdd?: boolean
    /** Since when a bank is being asked to debit it. */
    readonly debitedOn?: string
  }
}

/** Bills fewer than this say nothing about what is usual. */
const HISTORY_MIN = 3

/** 智能预审: everything known before money moves. A `stop` refuses the payment, a `warn` is said and may be passed. */
export function precheck(f: PrecheckFacts): Precheck[] {
  // What is paid needs no other word: no late fee grows on it, nothing about it is unusual.
  if (f.claim?.state === 'paid' || f.isSettledBefore) return [{ level: 'stop', key: 'paid' }]
  // Nor does what a bank is being asked to debit: nobody can pay it meanwhile.
  if (f.claim?.state === 'open' && f.claim.debitedOn) return [{ level: 'stop', key: 'debiting', params: { on: f.claim.debitedOn } }]
  if (f.claim?.state === 'open' && f.claim.isOdd) return [{ level: 'stop', key: 'paying_odd' }]
  const out: Precheck[] = []
  if (f.claim?.state === 'open')
    out.push(
      f.claim.mine ? { level: 'warn', key: 'paying_here' } : { level: 'stop', key: 'paying', params: { minutes: f.claim.minutesLeft } },
    )
  else out.push({ level: 'ok', key: 'unpaid' })
  if (f.isWithdrawn) out.push({ level: 'stop', key: 'withdrawn' })
  out.push(f.isAccountClosed ? { level: 'stop', key: 'closed' } : { level: 'ok', key: 'account_ok' })
  out.push(
    f.isBillerOnline ? { level: 'ok', key: 'biller_ok' } : { level: 'warn', key: 'offline', params: { as_of: f.asOf.toISOString() } },
  )
  if (f.dispute) out.push({ level: 'warn', key: f.dispute === 'open' ? 'disputed' : 'correcting' })
  if (f.olderOpen > 0 && f.takesOldestFirst) out.push({ level: 'warn', key: 'older_open', params: { count: f.olderOpen } })
  if (f.lateFeeFen > 0) out.push({ level: 'warn', key: 'late_fee', params: { fen: f.lateFeeFen, days: daysBetween(f.dueOn, f.today) } })
  else if (daysBetween(f.today, f.dueOn) >= 0 && daysBetween(f.today, f.dueOn) <= 3)
    out.push({ level: 'warn', key: 'due_soon', params: { days: daysBetween(f.today, f.dueOn) } })
  const usual = median(f.history)
  if (f.history.length >= HISTORY_MIN && usual > 0 && f.amountFen >= 2 * usual && f.amountFen - usual >= 2_000) {
    out.push({ level: 'warn', key: 'amount_high', params: { times_e1: Math.round((f.amountFen * 10) / usual), usual_fen: usual } })
  }
  return out
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  const mid = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[mid]! : Math.round((sorted[mid - 1]! + sorted[mid]!) / 2)
}

/** Days before the due day on which a payer is reminded, and days after it. */
const DUE_SOON_DAYS = 3
const OVERDUE_STEPS = [1, 15, 30] as const
/** A bill older than this is not told as new: it was there before somebody kept its account. */
const NEW_DAYS = 5

export interface Reminder {
  readonly kind: 'bill_due' | 'bill_due_soon' | 'bill_overdue'
  /** Distinguishes the steps of one kind: each is said once. */
  readonly step: number
}

/** What is said about an open bill on a day, if anything: that it is there, that it is nearly due, that it is late. */
export function reminderOf(bill: { readonly issuedOn: string; readonly dueOn: string }, today: string): Reminder | undefined {
  const late = daysBetween(bill.dueOn, today)
  const step = OVERDUE_STEPS.findLast(days => late >= days)
  if (step !== undefined) return { kind: 'bill_overdue', step }
  if (late >= -DUE_SOON_DAYS) return { kind: 'bill_due_soon', step: 0 }
  return daysBetween(bill.issuedOn, today) <= NEW_DAYS ? { kind: 'bill_due', step: 0 } : undefined
}

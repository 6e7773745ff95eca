import { dayOf } from '#kernel/time.ts'

export const BATCH = { draft: 1, sealed: 2, sent: 3, acked: 4, returned: 5, closed: 6 } as const
export const ROW = { waiting: 1, unknown: 2, debited: 3, failed: 4, returned: 5, withdrawn: 6, late: 7 } as const
export const MANDATE = { registering: 1, active: 2, refused: 3, ending: 4, ended: 5 } as const

export type BatchState = keyof typeof BATCH
export type RowState = keyof typeof ROW
export type MandateState = keyof typeof MANDATE

const named =
  <T extends Record<string, number>>(table: T) =>
  (value: number): keyof T => {
    const found = Object.entries(table).find(([, known]) => known === value)
    if (!found) throw new RangeError(`no such state: ${value}`)
    return found[0]
  }
export const batchStateOf = named(BATCH)
export const rowStateOf = named(ROW)

export type BatchEvent = 'emptied' | 'sealed' | 'sent' | 'acked' | 'nacked' | 'returned' | 'settled'

/**
 * The whole machine of a batch. An answer of the bank is legal before our own step towards it is known to have worked: the bank
 * has the file, whatever became of our call.
 */
export const BATCH_TABLE: readonly (readonly [from: BatchState, event: BatchEvent, to: BatchState])[] = [
  ['draft', 'emptied', 'closed'],
  ['draft', 'sealed', 'sealed'],
  ['sealed', 'sent', 'sent'],
  ['sealed', 'acked', 'acked'],
  ['sealed', 'returned', 'returned'],
  ['sent', 'acked', 'acked'],
  ['sent', 'nacked', 'sealed'],
  ['sent', 'returned', 'returned'],
  ['acked', 'returned', 'returned'],
  // Asked one by one, a bank may have answered for every row before its return comes.
  ['sealed', 'settled', 'closed'],
  ['sent', 'settled', 'closed'],
  ['acked', 'settled', 'closed'],
  ['returned', 'settled', 'closed'],
]

export const nextBatchState = (from: BatchState, event: BatchEvent): BatchState | undefined =>
  BATCH_TABLE.find(([source, on]) => source === from && on === event)?.[2]

/** States from which an event leads on, for the condition of its update. */
export const statesBefore = (event: BatchEvent): number[] => BATCH_TABLE.filter(([, on]) => on === event).map(([from]) => BATCH[from])

export const RESULT_OK = '00'
/** Why a bank debited nothing, by the code in its files. Each has words for the payer. */
const RESULTS: Readonly<Record<string, DebitFailure>> = {
  '01': 'insufficient',
  '02': 'account_closed',
  '03': 'mandate_unknown',
  '04': 'account_frozen',
  '05': 'over_limit',
}
export const DEBIT_FAILURES = [
  'insufficient',
  'account_closed',
  'mandate_unknown',
  'account_frozen',
  'over_limit',
  'not_received',
  'refused',
] as const
export type DebitFailure = (typeof DEBIT_FAILURES)[number]
export const failureOf = (result: string): DebitFailure => RESULTS[result] ?? 'refused'

/** Time of day from which the batches of a day are sealed; what was collected before can still be taken out. */
export const SEAL_AT = '08:00'
/** Hours after sealing by which the bank has answered; later, each debit is asked after by itself. */
export const RETURN_H_MAX = 28
export const DEBIT_ROW_NOTE_BYTES = 40

/** Number of a batch with its bank: day and a running number. */
export const batchNoOf = (day: string, n: number): string => `${day.replaceAll('-', '')}${String(n).padStart(4, '0')}`

/** Card numbers as people type them; undefined for what cannot be one (ISO/IEC 7812: 12 to 19 digits, the last a check digit). */
export function readCard(typed: string): string | undefined {
  const plain = typed.slice(0, 60).normalize('NFKC').replace(/[\s-]/g, '')
  if (!/^\d{12,19}$/.test(plain) || /^0+$/.test(plain)) return undefined
  const sum = [...plain].reverse().reduce((total, digit, i) => {
    const value = i % 2 === 1 ? Number(digit) * 2 : Number(digit)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0 ? plain : undefined
}

/** The day the batch made now is of. */
export const batchDay = (now: Date): string => dayOf(now)

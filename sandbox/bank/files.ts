import { createHash } from 'node:crypto'
import { dayOf } from '#kernel/time.ts'
import {
  type BackRow,
  type DebitFile,
  type OutRow,
  parseFile,
  type ReturnRow,
  renderFile,
  stampOf,
} from '../../src/modules/payments/debit/layout.ts'
import { type BankBooks, resultFor } from './books.ts'

/** How the bank misbehaves with its files. */
export interface Quirks {
  /** Kinds of files (A, R, B) that are made and not shown until they are published. */
  hold: string
  /** Rows the next returns leave out, from the first. */
  missing_rows: number
  /** Adds one fen to the amount of the first row of the next returns. */
  alter_amount: boolean
  /** Adds a debit nobody asked for to the next returns. */
  strange_row: boolean
  /** Cuts the next returns off; the whole is there after `mend`. */
  truncate: boolean
  /** Shows each return once more under another name, with other bytes. */
  repeat: boolean
  /** Says that a file did not arrive as it was made, this many times. */
  nacks: number
  /** The bank's own time, for runs on another clock. */
  now: string
}

export const noQuirks = (): Quirks => ({
  ...{ hold: '', missing_rows: 0, alter_amount: false, strange_row: false, truncate: false, repeat: false, nacks: 0, now: '' },
})

export interface BankDesk {
  readonly books: BankBooks
  readonly quirks: Quirks
  readonly code: string
  readonly now: () => Date
}

const compactDay = (at: Date): string => dayOf(at).replaceAll('-', '')

function publish({ books, quirks }: BankDesk, kind: string, name: string, bytes: Buffer): void {
  const is_held = quirks.hold.includes(kind)
  books.record({ type: 'in', file: { name, base64: bytes.toString('base64'), is_held } })
}

/** Takes a customer's file: says whether it has it, debits each row once, and writes the return. */
export function workOutFile(desk: BankDesk, name: string, bytes: Buffer): void {
  const { books, quirks, code: bank } = desk
  const at = desk.now()
  const file = parseFile(bytes) as DebitFile<'O'>
  const { batchNo, day } = file
  const base = { bank, batchNo, day, madeAt: stampOf(at) }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (quirks.nacks > 0) {
    quirks.nacks--
    books.out.delete(name)
    publish(
      desk,
      'A',
      `${bank}_${batchNo}_A_${quirks.nacks}.txt`,
      renderFile({ ...base, kind: 'A', rows: [{ sha256, result: '01', note: '文件未收全' }] }),
    )
    return
  }
  publish(desk, 'A', `${bank}_${batchNo}_A.txt`, renderFile({ ...base, kind: 'A', rows: [{ sha256, result: '00', note: '' }] }))
  for (const row of file.rows) debitOnce(desk, batchNo, row, at)
  const rows = file.rows.map((row): ReturnRow => answerOf(books, row))
  const shown = rows
    .slice(quirks.missing_rows)
    .map((row, i) => (quirks.alter_amount && i === 0 ? { ...row, amountFen: row.amountFen + 1 } : row))
  if (quirks.strange_row)
    shown.push({
      seq: 999_999,
      orderNo: 'y001zzzzzzzzzzzzzzzzzzzzzzzzzz',
      amountFen: 777,
      result: '00',
      bankNo: `X${batchNo}`,
      at: stampOf(at),
      note: '',
    })
  const whole = renderFile({ ...base, kind: 'R', rows: shown })
  const returnName = `${bank}_${batchNo}_R.txt`
  publish(desk, 'R', returnName, quirks.truncate ? whole.subarray(0, whole.length - 40) : whole)
  if (quirks.repeat)
    publish(
      desk,
      'R',
      `${bank}_${batchNo}_R_2.txt`,
      renderFile({ ...base, madeAt: stampOf(new Date(at.getTime() + 60_000)), kind: 'R', rows: shown }),
    )
}

function debitOnce({ books }: BankDesk, batchNo: string, row: OutRow, at: Date): void {
  if (books.debits.has(row.orderNo)) return
  const result = resultFor(books, row.mandateNo, row.card, row.amountFen)
  const bank_no = result === '00' ? `D${batchNo}${String(row.seq).padStart(6, '0')}` : ''
  const { orderNo: order_no, card, amountFen: amount_fen } = row
  books.record({ type: 'debited', debit: { order_no, batch_no: batchNo, card, amount_fen, result, bank_no, at: at.toISOString() } })
}

function answerOf(books: BankBooks, row: OutRow): ReturnRow {
  const { result, bank_no: bankNo, at, amount_fen: amountFen } = books.debits.get(row.orderNo)!
  return { seq: row.seq, orderNo: row.orderNo, amountFen, result, bankNo, at: result === '00' ? stampOf(new Date(at)) : '', note: '' }
}

/** The payer's bank takes a debit back days later: the money is in the account again, and a file says so. */
export function takeBack(desk: BankDesk, orderNo: string, result: string): boolean {
  const { books, code: bank } = desk
  const debit = books.debits.get(orderNo)
  if (debit?.result !== '00' || debit.return_no) return false
  const at = desk.now()
  const returnNo = `B${debit.bank_no}`
  books.record({ type: 'taken_back', order_no: orderNo, return_no: returnNo })
  const row: BackRow = { seq: 1, orderNo, amountFen: debit.amount_fen, result, bankNo: debit.bank_no, returnNo, at: stampOf(at), note: '' }
  const serial = String([...books.incoming.values()].filter(f => f.name.includes('_B_')).length + 1).padStart(3, '0')
  const batchNo = `B${compactDay(at)}${serial}`
  publish(
    desk,
    'B',
    `${bank}_B_${batchNo}.txt`,
    renderFile({ kind: 'B', bank, batchNo, day: compactDay(at), madeAt: stampOf(at), rows: [row] }),
  )
  return true
}

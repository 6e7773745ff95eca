import { createHash } from 'node:crypto'
import { parseLocalTime, renderDecimal, renderLocalTime } from '../adapters/decimal.ts'
import { isDrawerName } from '../cash/model.ts'
import { StatementRefused } from '../ports.ts'

/**
 * The statement of the bank account the channels pay into and billers are paid from, a day in a file: UTF-8, LF, `|` between cells.
 * H|YMBANK1|bank|day|opening balance, then D|serial|time|C or D|amount|balance after|purpose, then
 * T|rows|sum in|sum out|closing balance|SHA-256 of every byte before this cell. Amounts in yuan. C is money that came in.
 */

/** Payouts of channels and remittances of a sub-district's day are dozens of rows. */
export const BANK_BYTES_MAX = 8 * 2 ** 20
const LAYOUT = 'YMBANK1'

export interface BankRow {
  /** The bank's own number of the movement, given once for ever. */
  readonly serial: string
  readonly at: Date
  /** Positive in, negative out. */
  readonly amountFen: number
  readonly balanceFen: number
  /** What the payer wrote: see `purposeOf`. */
  readonly purpose: string
}

export interface BankFile {
  readonly bank: string
  /** 'YYYY-MM-DD' */
  readonly day: string
  readonly openingFen: number
  readonly rows: readonly BankRow[]
}

const yuan = (fen: number): string => renderDecimal(fen, 2)
const digestOf = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

/** The bytes of a file; the same file has the same bytes. Throws RangeError for a text that would break a line. */
export function renderBankFile(file: BankFile): Buffer {
  const cell = (text: string): string => {
    if (/[|\r\n]/.test(text)) throw new RangeError(`cell cannot hold ${JSON.stringify(text)}`)
    return text
  }
  const lines = file.rows.map(row => {
    const side = row.amountFen < 0 ? 'D' : 'C'
    return `D|${cell(row.serial)}|${renderLocalTime(row.at)}|${side}|${yuan(Math.abs(row.amountFen))}|${yuan(row.balanceFen)}|${cell(row.purpose)}\n`
  })
  const sum = (sign: 1 | -1) => file.rows.reduce((total, row) => total + Math.max(0, sign * row.amountFen), 0)
  const [inFen, outFen] = [sum(1), sum(-1)]
  const head = `H|${LAYOUT}|${cell(file.bank)}|${file.day}|${yuan(file.openingFen)}\n`
  const before = `${head}${lines.join('')}T|${file.rows.length}|${yuan(inFen)}|${yuan(outFen)}|${yuan(file.openingFen + inFen - outFen)}|`
  return Buffer.from(`${before}${digestOf(before)}\n`)
}

const refuse = (code: string, line: number, detail: string): never => {
  throw new StatementRefused(code, line, detail)
}

function fenOf(text: string, line: number): number {
  const match = /^(-?)(\d{1,12})\.(\d\d)$/.exec(text)
  return match ? Number(`${match[1]}${match[2]}${match[3]}`) + 0 : refuse('cell', line, text)
}

function rowOf(cells: readonly string[], line: number): BankRow {
  const [mark, serial, time, side, amount, balance, purpose] = cells
  if (cells.length !== 7 || mark !== 'D') return refuse('columns', line, `${cells.length} cells`)
  const at = parseLocalTime(time!)
  if (!at || !serial || (side !== 'C' && side !== 'D')) return refuse('cell', line, cells.join('|'))
  const fen = fenOf(amount!, line)
  if (fen <= 0) refuse('cell', line, amount!)
  return { serial, at, amountFen: side === 'C' ? fen : -fen, balanceFen: fenOf(balance!, line), purpose: purpose! }
}

/**
 * Reads a bank's file whole or refuses it whole: each balance follows from the one before it, the totals are those of the rows, and
 * what is read, written again, gives the same bytes. Throws StatementRefused.
 */
export function parseBankFile(bytes: Buffer): BankFile {
  if (bytes.length > BANK_BYTES_MAX) refuse('too_long', 0, `${bytes.length} bytes`)
  const lines = bytes.toString('utf8').split('\n')
  if (lines.length < 3 || lines.pop() !== '' || !lines.at(-1)!.startsWith('T|')) refuse('footer_missing', lines.length, 'no totals')
  const [mark, layout, bank, day, opening, ...more] = lines[0]!.split('|')
  if (mark !== 'H' || layout !== LAYOUT || !bank || !/^\d{4}-\d\d-\d\d$/.test(day ?? '') || more.length > 0) refuse('header', 1, LAYOUT)
  const rows = lines.slice(1, -1).map((line, i) => rowOf(line.split('|'), i + 2))
  const file = { bank: bank!, day: day!, openingFen: fenOf(opening ?? '', 1), rows }
  let balance = file.openingFen
  rows.forEach((row, i) => {
    balance += row.amountFen
    if (row.balanceFen !== balance) refuse('sum', i + 2, `balance ${balance}`)
  })
  if (new Set(rows.map(row => row.serial)).size !== rows.length) refuse('conflict', 0, 'a serial number twice')
  // Totals, digest, filling and whatever else could be written in two ways.
  if (!isSame(file, bytes)) refuse('form', lines.length, 'not as the layout says, or changed on its way')
  return file
}

function isSame(file: BankFile, bytes: Buffer): boolean {
  try {
    return renderBankFile(file).equals(bytes)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

export type Purpose =
  | { readonly kind: 'settle'; readonly channel: string; readonly mchid: string; readonly day: string }
  | { readonly kind: 'debit'; readonly bank: string; readonly batchNo: string; readonly day: string }
  | { readonly kind: 'cash'; readonly drawer: string; readonly day: string }
  | { readonly kind: 'remit'; readonly billerId: string; readonly day: string }
  | { readonly kind: 'other' }

const dayIn = (digits: string): string => `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`

/**
 * What a movement says it is for: `SETTLE wechat 1900000109 20261120` of a channel, `DEBIT demobank 202611200001` of a bank about a batch of
 * debits, `CASH A1 20261120` of whoever carried a drawer's cash there, `REMIT water 20261120` of ours.
 */
export function purposeOf(row: Pick<BankRow, 'purpose' | 'amountFen'>): Purpose {
  const settle = /^SETTLE ([a-z]{1,20}) (\S{1,40}) (20\d{6})$/.exec(row.purpose)
  if (settle && row.amountFen > 0) return { kind: 'settle', channel: settle[1]!, mchid: settle[2]!, day: dayIn(settle[3]!) }
  const debit = /^DEBIT ([a-z0-9][a-z0-9_-]{0,30}) ((20\d{6})\d{4})$/.exec(row.purpose)
  if (debit) return { kind: 'debit', bank: debit[1]!, batchNo: debit[2]!, day: dayIn(debit[3]!) }
  const cash = /^CASH (\S{1,20}) (20\d{6})$/.exec(row.purpose)
  if (cash && isDrawerName(cash[1]!) && row.amountFen > 0) return { kind: 'cash', drawer: cash[1]!, day: dayIn(cash[2]!) }
  const remit = /^REMIT ([a-z][a-z0-9_]{1,30}) (20\d{6})$/.exec(row.purpose)
  if (remit && row.amountFen < 0) return { kind: 'remit', billerId: remit[1]!, day: dayIn(remit[2]!) }
  return { kind: 'other' }
}

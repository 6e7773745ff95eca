import { dayOf } from '#kernel/time.ts'
import { instantOf, stampOf } from '../debit/layout.ts'
import { type StatementLine, StatementRefused } from '../ports.ts'
import { type CardKey, cardNo } from './model.ts'

/**
 * The card acquirer's statement of a merchant and day, in fixed width (bytes, ASCII, CRLF), amounts in fen.
 * H: layout 8, merchant 15, day 8. D: kind 2 (S22 is `22` a payment, S30 `30` a refund), terminal 8, reference 12, time 14, last four 4,
 * amount 12, fee 8. T: rows 6, payments 15, refunds 15, fees 12.
 */

export interface CardRow {
  readonly kind: 'pay' | 'refund'
  readonly terminal: string
  readonly reference: string
  readonly at: Date
  readonly last4: string
  readonly amountFen: number
  /** What the acquirer keeps of a payment, or gives back with a refund. */
  readonly feeFen: number
}

export interface CardFile {
  readonly merchant: string
  /** 'YYYY-MM-DD' */
  readonly day: string
  readonly rows: readonly CardRow[]
}

const LAYOUT = 'UPMCHT01'
const KINDS = { pay: '22', refund: '30' } as const
const CARD_BYTES_MAX = 16 * 2 ** 20

const digits = (value: number, bytes: number): string => {
  const text = String(value).padStart(bytes, '0')
  if (!Number.isSafeInteger(value) || value < 0 || text.length > bytes) throw new RangeError(`${value} in ${bytes} bytes`)
  return text
}
const exact = (text: string, form: RegExp): string => {
  if (!form.test(text)) throw new RangeError(text)
  return text
}

const sumOf = (rows: readonly CardRow[], kind: CardRow['kind']): number =>
  rows.reduce((sum, row) => sum + (row.kind === kind ? row.amountFen : 0), 0)

/** The bytes of a file; the same file has the same bytes. Throws RangeError for what does not fit. */
export function renderCardFile({ merchant, day, rows }: CardFile): Buffer {
  const detail = rows.map(row => {
    const key = `${exact(row.terminal, /^[0-9A-Z]{8}$/)}${exact(row.reference, /^\d{12}$/)}${stampOf(row.at)}${exact(row.last4, /^\d{4}$/)}`
    return `D${KINDS[row.kind]}${key}${digits(row.amountFen, 12)}${digits(row.feeFen, 8)}\r\n`
  })
  const fees = rows.reduce((sum, row) => sum + row.feeFen, 0)
  const head = `H${LAYOUT}${exact(merchant, /^[0-9A-Z]{15}$/)}${day.replaceAll('-', '')}\r\n`
  const tail = `T${digits(rows.length, 6)}${digits(sumOf(rows, 'pay'), 15)}${digits(sumOf(rows, 'refund'), 15)}${digits(fees, 12)}\r\n`
  return Buffer.from(`${head}${detail.join('')}${tail}`)
}

const refuse = (code: string, line: number, detail: string): never => {
  throw new StatementRefused(code, line, detail)
}

const DETAIL = /^D(22|30)([0-9A-Z]{8})(\d{12})(\d{14})(\d{4})(\d{12})(\d{8})$/

function rowOf(text: string, day: string, line: number): CardRow {
  const [, kind, terminal, reference, stamp, last4, amount, fee] = DETAIL.exec(text) ?? refuse('columns', line, text)
  const at = instantOf(stamp!) ?? refuse('cell', line, stamp!)
  if (dayOf(at) !== day) refuse('day', line, stamp!)
  return {
    ...{ kind: kind === KINDS.pay ? 'pay' : 'refund', terminal: terminal!, reference: reference!, at, last4: last4! },
    ...{ amountFen: Number(amount), feeFen: Number(fee) },
  }
}

/** Reads a file whole or refuses it whole: throws StatementRefused. */
export function parseCardFile(bytes: Buffer, day?: string): CardFile {
  if (bytes.length > CARD_BYTES_MAX) refuse('too_long', 0, `${bytes.length} bytes`)
  const lines = bytes.toString('latin1').split('\r\n')
  const head = /^H(.{8})([0-9A-Z]{15})(\d{4})(\d\d)(\d\d)$/.exec(lines[0] ?? '')
  if (head?.[1] !== LAYOUT) return refuse('header', 1, LAYOUT)
  const stated = `${head[3]}-${head[4]}-${head[5]}`
  if (day !== undefined && stated !== day) refuse('day', 1, stated)
  const tail = /^T(\d{6})(\d{15})(\d{15})(\d{12})$/.exec(lines.at(-2) ?? '')
  if (!tail || lines.at(-1) !== '') return refuse('footer_missing', lines.length, 'no totals')
  const rows = lines.slice(1, -2).map((text, i) => rowOf(text, stated, i + 2))
  if (Number(tail[1]) !== rows.length) refuse('count', lines.length - 1, `${rows.length} rows`)
  const fees = rows.reduce((sum, row) => sum + row.feeFen, 0)
  if (Number(tail[2]) !== sumOf(rows, 'pay') || Number(tail[3]) !== sumOf(rows, 'refund') || Number(tail[4]) !== fees)
    refuse('sum', lines.length - 1, 'the totals are not those of the rows')
  return { merchant: head[2]!, day: stated, rows }
}

const FEE_E5_PER_FEN = 1_000

/** Rows of one terminal in the words of reconciliation: its own numbers stand where a channel's and ours would. */
export async function* linesOfTerminal(file: CardFile, terminal: string): AsyncGenerator<StatementLine> {
  for (const row of file.rows) {
    if (row.terminal !== terminal) continue
    const key: CardKey = { terminal, day: file.day, reference: row.reference }
    const isPay = row.kind === 'pay'
    yield {
      ...{ kind: row.kind, channelTxnNo: isPay ? cardNo(key) : '', outTradeNo: '', channelRefundNo: isPay ? '' : cardNo(key) },
      ...{
        outRefundNo: isPay ? '' : cardNo(key),
        amountFen: row.amountFen,
        feeE5: (isPay ? 1 : -1) * row.feeFen * FEE_E5_PER_FEN,
        discountFen: 0,
      },
      ...{ at: row.at, state: 'SUCCESS' },
    }
  }
}

import { createHash } from 'node:crypto'
import iconv from 'iconv-lite'
import { z } from 'zod'
import { StatementRefused } from '#modules/payments/index.ts'

/**
 * A biller's daily check file: a line of totals, then a line for each posting it wrote down that day. A layout is data; where
 * each value stands, and in which unit, is said column by column.
 */

/** A utility of a city writes some hundred thousand postings a day. */
export const CHECK_BYTES_MAX = 32 * 2 ** 20

const unit = z.enum(['fen', 'yuan'])
const width = z.int().min(1).max(200).optional()
const mark = z.strictObject({ is: z.literal('mark'), text: z.string().min(1).max(20), width })
const totalsColumn = z.union([
  mark,
  z.strictObject({ is: z.enum(['day', 'count', 'digest']), width }),
  z.strictObject({ is: z.literal('sum'), unit, width }),
])
const detailColumn = z.union([
  mark,
  z.strictObject({ is: z.enum(['posting_no', 'bill_no', 'account_no', 'paid_at']), width }),
  z.strictObject({ is: z.literal('amount'), unit, width }),
  z.strictObject({ is: z.literal('state'), standing: z.string().min(1).max(20), reversed: z.string().min(1).max(20), width }),
])

export const checkLayoutSchema = z
  .strictObject({
    format: z.enum(['delimited', 'fixed_width']),
    encoding: z.enum(['UTF-8', 'GB18030']),
    delimiter: z.string().length(1).optional(),
    line_end: z.enum(['LF', 'CRLF']),
    date_format: z.enum(['yyyy-MM-dd', 'yyyyMMdd']),
    /** Which rows the totals count: those that stand, or reversed ones too. */
    totals_of: z.enum(['standing', 'all']),
    totals: z.array(totalsColumn).min(2).max(10),
    detail: z.array(detailColumn).min(2).max(10),
  })
  .superRefine((layout, at) => {
    for (const problem of problemsOf(layout)) at.addIssue({ code: 'custom', message: problem })
  })

export type CheckLayout = z.infer<typeof checkLayoutSchema>
type Column = z.infer<typeof totalsColumn> | z.infer<typeof detailColumn>

function* problemsOf(layout: { format: string; delimiter?: string | undefined; totals: Column[]; detail: Column[] }): Iterable<string> {
  const columns = [...layout.totals, ...layout.detail]
  if (layout.format === 'fixed_width' && columns.some(column => column.width === undefined))
    yield 'each column of fixed width needs its width'
  if (layout.format === 'delimited' && !layout.delimiter) yield 'a delimited file needs its delimiter'
  for (const name of ['day', 'count', 'sum']) if (!layout.totals.some(column => column.is === name)) yield `the totals lack ${name}`
  for (const name of ['posting_no', 'amount']) if (!layout.detail.some(column => column.is === name)) yield `the detail lacks ${name}`
  for (const line of [layout.totals, layout.detail])
    if (new Set(line.map(column => column.is)).size !== line.length) yield 'a column stands twice'
}

/** The form of the check file of the interface we ask billers to offer. */
export const STANDARD_CHECK: CheckLayout = {
  format: 'delimited',
  encoding: 'UTF-8',
  delimiter: '|',
  line_end: 'LF',
  date_format: 'yyyy-MM-dd',
  totals_of: 'standing',
  totals: [{ is: 'mark', text: 'T' }, { is: 'day' }, { is: 'count' }, { is: 'sum', unit: 'fen' }, { is: 'digest' }],
  detail: [
    { is: 'mark', text: 'D' },
    { is: 'posting_no' },
    { is: 'bill_no' },
    { is: 'account_no' },
    { is: 'amount', unit: 'fen' },
    { is: 'paid_at' },
    { is: 'state', standing: 'POSTED', reversed: 'REVERSED' },
  ],
}

export interface CheckRow {
  readonly postingNo: string
  /** '' where the layout has no such column. */
  readonly billNo: string
  readonly accountNo: string
  readonly amountFen: number
  readonly paidAt: string
  /** False for one the biller took back: it counts nothing. */
  readonly isStanding: boolean
}

export interface CheckFile {
  /** 'YYYY-MM-DD' */
  readonly day: string
  readonly rows: readonly CheckRow[]
}

const ENDS = { LF: '\n', CRLF: '\r\n' } as const
const encodingOf = (layout: CheckLayout): 'utf-8' | 'gb18030' => (layout.encoding === 'UTF-8' ? 'utf-8' : 'gb18030')
const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const isNumber = (column: Column): boolean => column.is === 'count' || column.is === 'sum' || column.is === 'amount'

const TEXTS = { posting_no: 'postingNo', bill_no: 'billNo', account_no: 'accountNo', paid_at: 'paidAt' } as const

export function totalsOf(
  layout: Pick<CheckLayout, 'totals_of'>,
  rows: readonly CheckRow[],
): { readonly count: number; readonly sumFen: number } {
  const counted = layout.totals_of === 'all' ? rows : rows.filter(row => row.isStanding)
  return { count: counted.length, sumFen: counted.reduce((sum, row) => sum + row.amountFen, 0) }
}

function money(fen: number, column: { unit: 'fen' | 'yuan' }): string {
  if (!Number.isSafeInteger(fen) || fen < 0) throw new RangeError(`not an amount: ${fen}`)
  return column.unit === 'fen' ? String(fen) : `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, '0')}`
}

/** Numbers stand at the right, filled with zeros, texts at the left, filled with spaces. */
function renderCell(layout: CheckLayout, column: Column, value: string): Buffer {
  if (/[\r\n]/.test(value) || (layout.delimiter && value.includes(layout.delimiter))) throw new RangeError(`${column.is}: ${value}`)
  const bytes = iconv.encode(value, encodingOf(layout))
  if (layout.format === 'delimited') return bytes
  const left = column.width! - bytes.length
  // What ends in a space could not be told from its filling.
  if (left < 0 || value.endsWith(' ')) throw new RangeError(`${column.is} does not fit: ${value}`)
  return isNumber(column) ? Buffer.concat([Buffer.alloc(left, '0'), bytes]) : Buffer.concat([bytes, Buffer.alloc(left, ' ')])
}

function renderLine(layout: CheckLayout, columns: readonly Column[], textOf: (column: Column) => string): Buffer {
  const cells = columns.map(column => renderCell(layout, column, textOf(column)))
  const between = layout.format === 'delimited' ? Buffer.from(layout.delimiter!) : Buffer.alloc(0)
  return Buffer.concat([...cells.flatMap((cell, i) => (i === 0 ? [cell] : [between, cell])), Buffer.from(ENDS[layout.line_end])])
}

function detailValue(row: CheckRow, column: Column): string {
  switch (column.is) {
    case 'mark':
      return column.text
    case 'amount':
      return money(row.amountFen, column)
    case 'state':
      return row.isStanding ? column.standing : column.reversed
    default:
      return row[TEXTS[column.is as keyof typeof TEXTS]]
  }
}

/** The bytes of a file; the same file has the same bytes. Throws RangeError for a value its layout cannot hold. */
export function renderCheckFile(layout: CheckLayout, file: CheckFile): Buffer {
  const detail = Buffer.concat(file.rows.map(row => renderLine(layout, layout.detail, column => detailValue(row, column))))
  const { count, sumFen } = totalsOf(layout, file.rows)
  const totals = renderLine(layout, layout.totals, column => {
    switch (column.is) {
      case 'mark':
        return column.text
      case 'day':
        return layout.date_format === 'yyyyMMdd' ? file.day.replaceAll('-', '') : file.day
      case 'count':
        return String(count)
      case 'sum':
        return money(sumFen, column)
      default:
        return digestOf(detail)
    }
  })
  return Buffer.concat([totals, detail])
}

const refuse = (code: string, line: number, detail: string): never => {
  throw new StatementRefused(code, line, detail)
}

function cellsOf(layout: CheckLayout, columns: readonly Column[], line: Buffer, at: number): string[] {
  const decode = (bytes: Buffer): string => {
    try {
      return new TextDecoder(encodingOf(layout), { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return refuse('encoding', at, layout.encoding)
    }
  }
  if (layout.format === 'delimited') {
    const cells = decode(line).split(layout.delimiter!)
    return cells.length === columns.length ? cells : refuse('columns', at, `${cells.length} cells`)
  }
  if (line.length !== columns.reduce((sum, column) => sum + column.width!, 0)) return refuse('columns', at, `${line.length} bytes`)
  let from = 0
  return columns.map(column => {
    const text = decode(line.subarray(from, from + column.width!))
    from += column.width!
    return isNumber(column) ? text.replace(/^0+(?=\d)/, '') : text.trimEnd()
  })
}

function fenOf(text: string, column: { unit: 'fen' | 'yuan' }, at: number): number {
  const match = (column.unit === 'fen' ? /^\d{1,15}$/ : /^\d{1,13}\.\d\d$/).exec(text)
  return match ? Number(text.replace('.', '')) : refuse('cell', at, text)
}

/** Longest number or name in a row. */
const TEXT_CHARS_MAX = 128

function rowOf(layout: CheckLayout, cells: readonly string[], at: number): CheckRow {
  const row = { postingNo: '', billNo: '', accountNo: '', amountFen: 0, paidAt: '', isStanding: true }
  layout.detail.forEach((column, i) => {
    const text = cells[i]!
    if (column.is === 'mark') {
      if (text !== column.text) refuse('cell', at, text)
    } else if (column.is === 'amount') row.amountFen = fenOf(text, column, at)
    else if (column.is === 'state') {
      if (text !== column.standing && text !== column.reversed) refuse('cell', at, text)
      row.isStanding = text === column.standing
    } else if (text.length > TEXT_CHARS_MAX || /\p{Cc}/u.test(text)) refuse('cell', at, text.slice(0, 20).replace(/\p{Cc}/gu, '?'))
    else row[TEXTS[column.is as keyof typeof TEXTS]] = text
  })
  return row.postingNo === '' ? refuse('cell', at, 'no posting number') : row
}

/** Lines by their end; a file whose last line has none was cut off. */
function linesOf(layout: CheckLayout, bytes: Buffer): Buffer[] {
  const end = Buffer.from(ENDS[layout.line_end])
  const lines: Buffer[] = []
  let from = 0
  for (let to = bytes.indexOf(end); to >= 0; to = bytes.indexOf(end, from)) {
    lines.push(bytes.subarray(from, to))
    from = to + end.length
  }
  return from === bytes.length && lines.length > 0 ? lines : refuse('footer_missing', lines.length + 1, 'the last line has no end')
}

/**
 * Reads a check file whole or refuses it whole: throws StatementRefused when its totals, its form, or its day is not as it says.
 * What is read, written again, gives the same bytes.
 */
export function parseCheckFile(layout: CheckLayout, bytes: Buffer, day?: string): CheckFile {
  if (bytes.length > CHECK_BYTES_MAX) refuse('too_long', 0, `${bytes.length} bytes`)
  const [first, ...rest] = linesOf(layout, bytes)
  const cells = cellsOf(layout, layout.totals, first!, 1)
  const stated = new Map(layout.totals.map((column, i) => [column.is, cells[i]!]))
  const statedDay = layout.date_format === 'yyyyMMdd' ? stated.get('day')!.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3') : stated.get('day')!
  if (!/^\d{4}-\d\d-\d\d$/.test(statedDay)) refuse('header', 1, statedDay)
  if (day !== undefined && statedDay !== day) refuse('day', 1, statedDay)
  const rows = rest.map((line, i) => rowOf(layout, cellsOf(layout, layout.detail, line, i + 2), i + 2))
  const file = { day: statedDay, rows }
  const { count, sumFen } = totalsOf(layout, rows)
  const sum = layout.totals.find(column => column.is === 'sum')!
  if (stated.get('count') !== String(count)) refuse('count', 1, `${count} rows`)
  if (fenOf(stated.get('sum')!, sum as { unit: 'fen' | 'yuan' }, 1) !== sumFen) refuse('sum', 1, `${sumFen} fen`)
  const seen = new Set<string>()
  rows.forEach((row, i) => {
    if (seen.has(row.postingNo)) refuse('conflict', i + 2, row.postingNo)
    seen.add(row.postingNo)
  })
  // Whatever else could be written in two ways: filling, marks, the digest, bytes that are no character.
  if (!isSame(layout, file, bytes)) refuse('form', 0, 'not as the layout says, or changed on its way')
  return file
}

function isSame(layout: CheckLayout, file: CheckFile, bytes: Buffer): boolean {
  try {
    return renderCheckFile(layout, file).equals(bytes)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

import { type StatementLine, StatementRefused } from '../../ports.ts'
import { decimalsOf, parseDecimal, parseLocalTime, renderDecimal, renderLocalTime } from '../decimal.ts'
import { dayGuard, decodeChunks, splitLines } from '../lines.ts'
import { addRow, type Column, LAYOUTS, type Layout, noTotals, TOTALS, type Totals, type WechatRow } from './layouts.ts'

export type { Layout, Totals, WechatRow } from './layouts.ts'

const FEE_DIGITS = 5
const headerOf = (layout: Layout): string => LAYOUTS[layout].map(column => column.title).join(',')
const footerOf = (layout: Layout): string => TOTALS[layout].map(([title]) => title).join(',')
const LAYOUT_BY_HEADER = new Map((Object.keys(LAYOUTS) as Layout[]).map(layout => [headerOf(layout), layout]))

export interface ParsedStatement {
  layout: Layout
  totals: Totals
}

/** Reads the header, which says which of the four tables the file is. Throws StatementRefused for none of them. */
export function openWechatStatement(
  text: string | Iterable<string>,
  day?: string,
): { readonly layout: Layout; readonly rows: Generator<WechatRow, ParsedStatement> } {
  const lines = splitLines(typeof text === 'string' ? [text] : text)
  const header = lines.next()
  const layout = header.done ? undefined : LAYOUT_BY_HEADER.get(header.value)
  if (!layout) throw new StatementRefused('header', 1, header.value ?? 'empty file')
  return { layout, rows: parseRows(lines, layout, day) }
}

/**
 * Yields each row, then checks the footer and returns the sums.
 * Throws StatementRefused on the first contradiction; rows yielded before must then be dropped by the caller.
 * `day` ('YYYY-MM-DD') refuses rows of other days.
 */
export function* parseWechatStatement(text: string | Iterable<string>, day?: string): Generator<WechatRow, ParsedStatement> {
  return yield* openWechatStatement(text, day).rows
}

/** `next` is the header of another table that may follow in the same file. */
function* parseRows(
  lines: Generator<string>,
  layout: Layout,
  day: string | undefined,
  next?: string,
): Generator<WechatRow, ParsedStatement> {
  const checkDay = dayGuard(day)
  const columns = LAYOUTS[layout]
  const footer = footerOf(layout)
  const totals = noTotals()
  let at = 1
  for (;;) {
    const line = lines.next()
    at += 1
    if (line.done) throw new StatementRefused('footer_missing', at, 'the file ends before its totals')
    if (line.value === footer) break
    const row = parseRow(columns, line.value, at)
    checkDay(momentOf(layout, row), at)
    addRow(totals, row)
    yield row
  }
  const figures = lines.next()
  if (figures.done) throw new StatementRefused('footer_missing', at + 1, 'the totals have no figures')
  checkTotals(layout, totals, figures.value, at + 1)
  // By hand: a loop that is left would end the lines for who reads on.
  for (let extra = lines.next(); !extra.done; extra = lines.next()) {
    if (extra.value === '') continue
    if (extra.value.replace(/^\ufeff/, '') !== next) throw new StatementRefused('after_footer', at + 2, extra.value)
    break
  }
  return { layout, totals }
}

/** Every cell starts with a backtick so that spreadsheets keep long numbers; a goods name may contain commas. */
const cellsOf = (line: string): string[] | undefined => (line.startsWith('`') ? line.slice(1).split(',`') : undefined)

function parseRow(columns: readonly Column[], line: string, at: number): WechatRow {
  const cells = cellsOf(line)
  if (cells?.length !== columns.length) throw new StatementRefused('columns', at, `${cells?.length ?? 0} cells, expected ${columns.length}`)
  const row = emptyRow() as unknown as Record<string, unknown>
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i]!
    const value = parseCell(column, cells[i]!)
    if (value === undefined) throw new StatementRefused('cell', at, `${column.title}: ${cells[i]}`)
    if (value !== null) row[column.field] = value
  }
  return row as unknown as WechatRow
}

/** Undefined: not readable. Null: empty, keep the default. */
function parseCell(column: Column, cell: string): string | number | Date | null | undefined {
  switch (column.kind) {
    case 'text':
      return cell
    case 'number':
      return cell === '0' ? '' : cell
    case 'time':
      // Only a refund still under way has no time; a row itself always has one.
      return cell === '' && column.field !== 'tradedAt' ? null : parseLocalTime(cell)
    case 'fen':
      return parseDecimal(cell, 2)
    case 'fee':
      return parseDecimal(cell, FEE_DIGITS)
  }
}

const emptyRow = (): WechatRow => ({
  tradedAt: new Date(0),
  appid: '',
  mchid: '',
  subMchid: '',
  device: '',
  transactionId: '',
  outTradeNo: '',
  openid: '',
  tradeType: '',
  tradeState: '',
  bank: '',
  currency: '',
  settlementFen: 0,
  couponFen: 0,
  refundRequestedAt: undefined,
  refundedAt: undefined,
  refundId: '',
  outRefundNo: '',
  refundFen: 0,
  refundCouponFen: 0,
  refundType: '',
  refundState: '',
  goods: '',
  attach: '',
  feeE5: 0,
  rate: '',
  orderFen: 0,
  refundAppliedFen: 0,
  rateNote: '',
})

function checkTotals(layout: Layout, totals: Totals, line: string, at: number): void {
  const names = TOTALS[layout]
  const cells = cellsOf(line)
  if (cells?.length !== names.length) throw new StatementRefused('footer', at, line)
  names.forEach(([title, key], i) => {
    const cell = cells[i]!
    // The count passes through a floating type at the channel and may read '45.0'.
    const stated = parseDecimal(cell, key === 'rows' ? 0 : key === 'feeE5' ? FEE_DIGITS : 2)
    if (stated === undefined) throw new StatementRefused('footer', at, `${title}: ${cell}`)
    // A fee total printed with fewer decimals than the rows can only be compared to its own precision.
    const slack = key === 'feeE5' ? 10 ** (FEE_DIGITS - Math.min(FEE_DIGITS, Math.max(2, decimalsOf(cell)))) - 1 : 0
    if (Math.abs(stated - totals[key]) > slack) {
      throw new StatementRefused(key === 'rows' ? 'count' : 'sum', at, `${title}: file says ${cell}, rows give ${totals[key]}`)
    }
  })
}

/** The day of a row: refunds of the refund table count when the money was back. */
const momentOf = (layout: Layout, row: WechatRow): Date => (layout === 'refund' && row.refundedAt) || row.tradedAt

/**
 * A row in the words of reconciliation. Amounts are those of the order; the table of today also says what of it is settled with us, which
 * is less by coupons at our own cost (免充值). The old one does not.
 */
export function lineOf(layout: Layout, row: WechatRow): StatementLine {
  const isPay = row.tradeState === 'SUCCESS'
  const paidFen = layout === 'legacy' ? row.settlementFen : row.orderFen
  const refundedFen = layout === 'legacy' ? row.refundFen : row.refundAppliedFen
  return {
    kind: isPay ? 'pay' : 'refund',
    channelTxnNo: row.transactionId,
    outTradeNo: row.outTradeNo,
    channelRefundNo: isPay ? '' : row.refundId,
    outRefundNo: isPay ? '' : row.outRefundNo,
    amountFen: isPay ? paidFen : refundedFen,
    feeE5: row.feeE5,
    discountFen: layout === 'legacy' ? 0 : isPay ? row.orderFen - row.settlementFen : row.refundFen - row.refundAppliedFen,
    at: momentOf(layout, row),
    state: isPay ? row.tradeState : row.refundState || row.tradeState,
  }
}

/** A table of payments alone, or of refunds alone: half a day. */
export type WechatHalf = 'success' | 'refund'

/** Which half of a day a file is; undefined for a file of another kind, or of none. */
export function halfOfWechat(pieces: Iterable<Buffer>): WechatHalf | undefined {
  const header = splitLines(decodeChunks(pieces, 'utf-8')).next()
  const layout = header.done ? undefined : LAYOUT_BY_HEADER.get(header.value)
  return layout === 'success' || layout === 'refund' ? layout : undefined
}

/** Reads one half to its end. Throws StatementRefused. */
export function parseWechatHalf(half: WechatHalf, pieces: Iterable<Buffer>, day: string): void {
  const { layout, rows } = openWechatStatement(decodeChunks(pieces, 'utf-8'), day)
  if (layout !== half) throw new StatementRefused('header', 1, layout)
  for (const row of rows) mustBelong(half, row)
}

function mustBelong(half: WechatHalf, row: WechatRow): void {
  if ((half === 'success') !== (row.tradeState === 'SUCCESS'))
    throw new StatementRefused('cell', 0, `${row.tradeState} in the table ${half}`)
}

/**
 * PaymentChannel.readStatement for a table of payments and refunds together, or for the two tables of one kind one after the other.
 * One of those alone is half a day and refused.
 */
export async function* readWechatStatement(pieces: Iterable<Buffer>, day?: string): AsyncGenerator<StatementLine> {
  const lines = splitLines(decodeChunks(pieces, 'utf-8'))
  const header = lines.next()
  const layout = header.done ? undefined : LAYOUT_BY_HEADER.get(header.value)
  if (!layout) throw new StatementRefused('header', 1, header.value ?? 'empty file')
  if (layout === 'refund') throw new StatementRefused('half', 1, 'the table REFUND alone')
  if (layout !== 'success') {
    for (const row of parseRows(lines, layout, day)) yield lineOf(layout, row)
    return
  }
  for (const row of parseRows(lines, layout, day, headerOf('refund'))) {
    mustBelong('success', row)
    yield lineOf(layout, row)
  }
  // The lines stand behind the second header now, or at their end: then nothing of a second table can be read.
  const peeked = lines.next()
  if (peeked.done) throw new StatementRefused('half', 1, 'the table SUCCESS alone')
  for (const row of parseRows(before(peeked.value, lines), 'refund', day)) {
    mustBelong('refund', row)
    yield lineOf('refund', row)
  }
}

function* before(first: string, rest: Generator<string>): Generator<string> {
  yield first
  yield* rest
}

/** Writes a file as the channel does: byte order mark, CRLF, backticks, count printed as a float. Legacy times carry full-width colons. */
export const renderWechatStatement = (layout: Layout, rows: Iterable<WechatRow>): string => [...renderWechatLines(layout, rows)].join('')

/** The same line by line, ends included. */
export function* renderWechatLines(layout: Layout, rows: Iterable<WechatRow>): Generator<string> {
  const columns = LAYOUTS[layout]
  const totals = noTotals()
  yield `\ufeff${headerOf(layout)}\r\n`
  for (const row of rows) {
    addRow(totals, row)
    yield `${columns.map(column => `\`${renderCell(layout, column, row)}`).join(',')}\r\n`
  }
  const figures = TOTALS[layout].map(([, key]) => {
    if (key === 'rows') return `\`${totals.rows}.0`
    return `\`${renderDecimal(totals[key], key === 'feeE5' ? FEE_DIGITS : 2)}`
  })
  yield `${footerOf(layout)}\r\n${figures.join(',')}\r\n`
}

function renderCell(layout: Layout, column: Column, row: WechatRow): string {
  const value = row[column.field]
  switch (column.kind) {
    case 'text':
      // The format has no escape: what would break it cannot be written.
      if (/[\r\n]|,`/.test(value as string)) throw new RangeError(`cell cannot hold ${JSON.stringify(value)}`)
      return value as string
    case 'number':
      return (value as string) || '0'
    case 'time':
      if (value === undefined) return ''
      return layout === 'legacy' ? renderLocalTime(value as Date).replaceAll(':', '：') : renderLocalTime(value as Date)
    case 'fen':
      return renderDecimal(value as number, 2)
    case 'fee':
      return renderDecimal(value as number, FEE_DIGITS)
  }
}

import iconv from 'iconv-lite'
import { type StatementLine, StatementRefused } from '../../ports.ts'
import { parseDecimal, parseLocalTime, renderDecimal, renderLocalTime } from '../decimal.ts'
import { dayGuard, decodeChunks, splitLines } from '../lines.ts'
import { pack, unpack } from './archive.ts'

/** One row of 业务明细. Amounts are signed fen as printed: negative on refunds. */
export interface AlipayRow {
  tradeNo: string
  outTradeNo: string
  kind: string
  goods: string
  createdAt: Date
  finishedAt: Date
  shopNo: string
  shopName: string
  operator: string
  terminal: string
  buyer: string
  orderFen: number
  receivedFen: number
  redPacketFen: number
  pointsFen: number
  discountFen: number
  merchantDiscountFen: number
  couponFen: number
  couponName: string
  merchantRedPacketFen: number
  cardFen: number
  refundNo: string
  /** Negative: the channel takes it. */
  serviceFeeFen: number
  shareFen: number
  note: string
}

type Kind = 'text' | 'time' | 'fen'
const COLUMNS: readonly (readonly [title: string, field: keyof AlipayRow, kind: Kind])[] = [
  ['支付宝交易号', 'tradeNo', 'text'],
  ['商户订单号', 'outTradeNo', 'text'],
  ['业务类型', 'kind', 'text'],
  ['商品名称', 'goods', 'text'],
  ['创建时间', 'createdAt', 'time'],
  ['完成时间', 'finishedAt', 'time'],
  ['门店编号', 'shopNo', 'text'],
  ['门店名称', 'shopName', 'text'],
  ['操作员', 'operator', 'text'],
  ['终端号', 'terminal', 'text'],
  ['对方账户', 'buyer', 'text'],
  ['订单金额（元）', 'orderFen', 'fen'],
  ['商家实收（元）', 'receivedFen', 'fen'],
  ['支付宝红包（元）', 'redPacketFen', 'fen'],
  ['集分宝（元）', 'pointsFen', 'fen'],
  ['支付宝优惠（元）', 'discountFen', 'fen'],
  ['商家优惠（元）', 'merchantDiscountFen', 'fen'],
  ['券核销金额（元）', 'couponFen', 'fen'],
  ['券名称', 'couponName', 'text'],
  ['商家红包消费金额（元）', 'merchantRedPacketFen', 'fen'],
  ['卡消费金额（元）', 'cardFen', 'fen'],
  ['退款批次号/请求号', 'refundNo', 'text'],
  ['服务费（元）', 'serviceFeeFen', 'fen'],
  ['分润（元）', 'shareFen', 'fen'],
  ['备注', 'note', 'text'],
]
const HEADER = COLUMNS.map(([title]) => title).join(',')
const TITLE = '#支付宝业务明细查询'
const BEGIN = /^#-+业务明细列表-+$/
const END = /^#-+业务明细列表结束-+$/
const PERIOD = /^#起始日期：\[(\d{4})年(\d\d)月(\d\d)日 00:00:00\]\s*终止日期：\[\d{4}年\d\d月\d\d日 00:00:00\]$/
const PAY_TOTAL = /^#交易合计：(\d+)笔，商家实收共(-?[\d.]+)元，商家优惠共(-?[\d.]+)元$/
const REFUND_TOTAL = /^#退款合计：(\d+)笔，商家实收退款共(-?[\d.]+)元，商家优惠退款共(-?[\d.]+)元$/

interface Sums {
  rows: number
  receivedFen: number
  merchantDiscountFen: number
}
export interface AlipayTotals {
  pay: Sums
  refund: Sums
}

const isRefund = (row: AlipayRow): boolean => row.kind === '退款'

/**
 * Yields the rows of the detail file, then checks both total lines and returns them.
 * Throws StatementRefused on the first contradiction; rows yielded before must then be dropped by the caller.
 */
export function* parseAlipayStatement(text: string | Iterable<string>, day?: string): Generator<AlipayRow, AlipayTotals> {
  const checkDay = dayGuard(day)
  const lines = splitLines(typeof text === 'string' ? [text] : text)
  let at = 0
  const next = (code: string): string => {
    at += 1
    const line = lines.next()
    if (line.done) throw new StatementRefused(code, at, 'the file ends too early')
    return line.value
  }
  readHead(next, day)
  const totals: AlipayTotals = {
    pay: { rows: 0, receivedFen: 0, merchantDiscountFen: 0 },
    refund: { rows: 0, receivedFen: 0, merchantDiscountFen: 0 },
  }
  for (let line = next('footer_missing'); !END.test(line); line = next('footer_missing')) {
    const row = parseRow(line, at)
    checkDay(row.finishedAt, at)
    const sums = isRefund(row) ? totals.refund : totals.pay
    sums.rows += 1
    sums.receivedFen += row.receivedFen
    sums.merchantDiscountFen += row.merchantDiscountFen
    yield row
  }
  checkTotals(PAY_TOTAL, totals.pay, next('footer_missing'), at)
  checkTotals(REFUND_TOTAL, totals.refund, next('footer_missing'), at)
  return totals
}

/** Four lines with '#', then the column titles. */
function readHead(next: (code: string) => string, day: string | undefined): void {
  if (next('header') !== TITLE) throw new StatementRefused('header', 1, 'not a detail file')
  if (!next('header').startsWith('#账号')) throw new StatementRefused('header', 2, 'no account')
  const period = PERIOD.exec(next('header'))
  if (!period) throw new StatementRefused('header', 3, 'no period')
  if (day !== undefined && `${period[1]}-${period[2]}-${period[3]}` !== day)
    throw new StatementRefused('day', 3, `file of another day than ${day}`)
  if (!BEGIN.test(next('header'))) throw new StatementRefused('header', 4, 'no begin of the list')
  const titles = next('header')
    .split(',')
    .map(title => title.trim())
    .join(',')
  if (titles !== HEADER) throw new StatementRefused('header', 5, titles)
}

/** Cells end with a tab, so a goods name may hold commas; files without tabs are read while they have exactly 25 cells. */
function cellsOf(line: string): string[] | undefined {
  const tabbed = line.split('\t,')
  if (tabbed.length === COLUMNS.length) return tabbed
  const plain = line.split(',')
  return plain.length === COLUMNS.length ? plain : undefined
}

function parseRow(line: string, at: number): AlipayRow {
  const cells = cellsOf(line)
  if (!cells) throw new StatementRefused('columns', at, `not ${COLUMNS.length} cells: ${line}`)
  const row: Record<string, unknown> = {}
  COLUMNS.forEach(([title, field, kind], i) => {
    // Padding with blanks and the closing tab is layout, not content.
    const cell = cells[i]!.trim()
    const value = kind === 'text' ? cell : kind === 'time' ? parseLocalTime(cell) : parseDecimal(cell === '' ? '0' : cell, 2)
    if (value === undefined) throw new StatementRefused('cell', at, `${title}: ${cell}`)
    row[field] = value
  })
  return row as unknown as AlipayRow
}

function checkTotals(pattern: RegExp, sums: Sums, line: string, at: number): void {
  const match = pattern.exec(line)
  if (!match) throw new StatementRefused('footer', at, line)
  if (Number(match[1]) !== sums.rows) throw new StatementRefused('count', at, `file says ${match[1]}, rows give ${sums.rows}`)
  if (parseDecimal(match[2]!, 2) !== sums.receivedFen)
    throw new StatementRefused('sum', at, `file says ${match[2]}, rows give ${sums.receivedFen} fen`)
  if (parseDecimal(match[3]!, 2) !== sums.merchantDiscountFen) {
    throw new StatementRefused('sum', at, `file says ${match[3]}, rows give ${sums.merchantDiscountFen} fen`)
  }
}

/** A row in the words of reconciliation. Refund rows reuse both order numbers and differ by their request number. */
export function lineOf(row: AlipayRow): StatementLine {
  const isBack = isRefund(row)
  return {
    kind: isBack ? 'refund' : 'pay',
    channelTxnNo: row.tradeNo,
    outTradeNo: row.outTradeNo,
    channelRefundNo: isBack ? row.refundNo : '',
    outRefundNo: isBack ? row.refundNo : '',
    amountFen: Math.abs(row.orderFen),
    feeE5: 0 - row.serviceFeeFen * 1000,
    discountFen: row.orderFen - row.receivedFen,
    at: row.finishedAt,
    state: row.kind,
  }
}

/** PaymentChannel.readStatement for the zip as downloaded. The summary may stand before the detail. */
export async function* readAlipayStatement(pieces: Iterable<Buffer>, day?: string): AsyncGenerator<StatementLine> {
  const details = (await unpack(Buffer.concat([...pieces]))).filter(
    file => file.name.endsWith('.csv') && file.name.includes('业务明细') && !file.name.includes('汇总'),
  )
  if (details.length !== 1) throw new StatementRefused('archive_entries', 0, `${details.length} detail files`)
  for (const row of parseAlipayStatement(decodeChunks([details[0]!.content], 'gb18030'), day)) yield lineOf(row)
}

export interface StatementHead {
  /** The merchant's user number. */
  account: string
  day: string
  exportedAt: Date
}

/** Writes the detail file as text. */
export function renderAlipayStatement(head: StatementHead, rows: readonly AlipayRow[]): string {
  const nextDay = new Date(Date.parse(`${head.day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)
  const sumsOf = (part: readonly AlipayRow[]) => ({
    rows: part.length,
    received: renderDecimal(
      part.reduce((sum, row) => sum + row.receivedFen, 0),
      2,
    ),
    discount: renderDecimal(
      part.reduce((sum, row) => sum + row.merchantDiscountFen, 0),
      2,
    ),
  })
  const pay = sumsOf(rows.filter(row => !isRefund(row)))
  const refund = sumsOf(rows.filter(isRefund))
  const rule = '-'.repeat(40)
  return [
    TITLE,
    `#账号：[${head.account}]`,
    `#起始日期：[${chineseDay(head.day)} 00:00:00]   终止日期：[${chineseDay(nextDay)} 00:00:00]`,
    `#${rule}业务明细列表${rule}`,
    HEADER,
    ...rows.map(renderRow),
    `#${rule}业务明细列表结束${rule}`,
    `#交易合计：${pay.rows}笔，商家实收共${pay.received}元，商家优惠共${pay.discount}元`,
    `#退款合计：${refund.rows}笔，商家实收退款共${refund.received}元，商家优惠退款共${refund.discount}元`,
    `#导出时间：[${chineseDay(renderLocalTime(head.exportedAt).slice(0, 10))} ${renderLocalTime(head.exportedAt).slice(11)}]`,
    '',
  ].join('\r\n')
}

const chineseDay = (day: string): string => `${day.slice(0, 4)}年${day.slice(5, 7)}月${day.slice(8, 10)}日`

function renderRow(row: AlipayRow): string {
  return COLUMNS.map(([, field, kind]) => {
    const value = row[field]
    if (kind === 'fen') return `${renderDecimal(value as number, 2)}\t`
    if (kind === 'time') return `${renderLocalTime(value as Date)}\t`
    // The format has no escape: what would break it cannot be written.
    if (/[\r\n\t]/.test(value as string)) throw new RangeError(`cell cannot hold ${JSON.stringify(value)}`)
    return `${value}\t`
  }).join(',')
}

/** The zip of one day: summary first, detail second, both GB18030 with GBK names. */
export function renderAlipayArchive(head: StatementHead, rows: readonly AlipayRow[]): Buffer {
  const stem = `${head.account}0156_${head.day.replaceAll('-', '')}_业务明细`
  const summary = `#支付宝业务汇总查询\r\n#账号：[${head.account}]\r\n`
  return pack([
    { name: `${stem}(汇总).csv`, content: iconv.encode(summary, 'gb18030') },
    { name: `${stem}.csv`, content: iconv.encode(renderAlipayStatement(head, rows), 'gb18030') },
  ])
}

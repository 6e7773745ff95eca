import { createHash } from 'node:crypto'

/** One posting as a biller's daily check file states it. */
export interface StatedPosting {
  readonly postingNo: string
  readonly billNo: string
  readonly accountNo: string
  readonly amountFen: number
  /** Taken back since: it counts for nothing. */
  readonly isReversed: boolean
}

export interface CheckFile {
  readonly day: string
  /** Of the postings that stand. */
  readonly totalFen: number
  readonly rows: readonly StatedPosting[]
}

/** Why a check file is not taken: nothing of it is. `line` counts from 1. */
export class CheckFileRefused extends Error {
  readonly why: 'encoding' | 'total' | 'row' | 'twice' | 'digest' | 'day'
  readonly line: number
  constructor(why: CheckFileRefused['why'], line: number) {
    super(`check file refused: ${why} in line ${line}`)
    this.why = why
    this.line = line
  }
}

const ROWS_MAX = 1_000_000
const FEN_DIGITS_MAX = 12
const fenOf = (text: string): number | undefined =>
  new RegExp(`^[1-9]\\d{0,${FEN_DIGITS_MAX - 1}}$`).test(text) ? Number(text) : undefined

/**
 * The check file we ask billers for: `T|day|count|sum|sha256 of the detail`, then a line a posting
 * `D|posting|bill|account|amount|paid at|state`, each ended by a line feed; UTF-8 or GB18030, amounts in fen. A total counts what
 * stands (POSTED); what was taken back again is there as REVERSED. Whole or not at all: any line cut, changed or added is refused.
 */
export function readCheckFile(bytes: Buffer): CheckFile {
  const text = decode(bytes)
  const cut = text.indexOf('\n')
  const [mark, day = '', count = '', sum = '', digest = '', ...more] = (cut < 0 ? '' : text.slice(0, cut)).split('|')
  const isTotal = mark === 'T' && more.length === 0 && /^\d{4}-\d{2}-\d{2}$/.test(day) && /^\d{1,7}$/.test(count) && /^\d{1,15}$/.test(sum)
  if (!isTotal || Number(count) > ROWS_MAX) throw new CheckFileRefused('total', 1)
  const detail = bytes.subarray(bytes.indexOf(10) + 1)
  if (createHash('sha256').update(detail).digest('hex') !== digest) throw new CheckFileRefused('digest', 1)
  const lines = text.slice(cut + 1).split('\n')
  if (lines.pop() !== '') throw new CheckFileRefused('row', lines.length + 2)
  const rows = lines.map((line, i) => readRow(line, i + 2))
  const seen = new Set<string>()
  rows.forEach((row, i) => {
    if (seen.has(row.postingNo)) throw new CheckFileRefused('twice', i + 2)
    seen.add(row.postingNo)
  })
  const standing = rows.filter(row => !row.isReversed)
  const totalFen = standing.reduce((total, row) => total + row.amountFen, 0)
  if (standing.length !== Number(count) || totalFen !== Number(sum)) throw new CheckFileRefused('total', 1)
  return { day, totalFen, rows }
}

function decode(bytes: Buffer): string {
  for (const encoding of ['utf-8', 'gb18030']) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes)
    } catch {}
  }
  throw new CheckFileRefused('encoding', 1)
}

function readRow(line: string, at: number): StatedPosting {
  const [mark, postingNo = '', billNo = '', accountNo = '', amount = '', , state, ...more] = line.split('|')
  const amountFen = fenOf(amount)
  const isRow =
    mark === 'D' && more.length === 0 && postingNo !== '' && amountFen !== undefined && (state === 'POSTED' || state === 'REVERSED')
  if (!isRow) throw new CheckFileRefused('row', at)
  return { postingNo, billNo, accountNo, amountFen, isReversed: state === 'REVERSED' }
}

/** The same file written: what the stand-ins and the tests hand out. */
export function renderCheckFile(day: string, rows: readonly (StatedPosting & { readonly paidAt: string })[]): Buffer {
  const detail = rows
    .map(r => `D|${r.postingNo}|${r.billNo}|${r.accountNo}|${r.amountFen}|${r.paidAt}|${r.isReversed ? 'REVERSED' : 'POSTED'}\n`)
    .join('')
  const standing = rows.filter(row => !row.isReversed)
  const sum = standing.reduce((total, row) => total + row.amountFen, 0)
  return Buffer.from(`T|${day}|${standing.length}|${sum}|${createHash('sha256').update(detail).digest('hex')}\n${detail}`)
}

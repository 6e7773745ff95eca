import { createHash } from 'node:crypto'
import iconv from 'iconv-lite'
import { StatementRefused } from '../ports.ts'

/**
 * Files exchanged with the bank that debits: lines of fixed width in bytes of GB18030, CRLF after each; a header, details, and a
 * footer with their number, sum and the SHA-256 of every byte before it. docs/debit.md has the layout in words.
 */

/** A bank takes at most so many debits in one file. */
export const ROWS_MAX = 1_000

interface Field<Name extends string = string> {
  readonly name: Name
  readonly bytes: number
  /** Numbers stand at the right, filled with zeros; texts at the left, filled with spaces. */
  readonly kind: 'number' | 'text'
}

const text = <const N extends string>(name: N, bytes: number): Field<N> => ({ name, bytes, kind: 'text' })
const number = <const N extends string>(name: N, bytes: number): Field<N> => ({ name, bytes, kind: 'number' })

/** O: what we ask the bank to debit. */
export interface OutRow {
  readonly seq: number
  readonly orderNo: string
  readonly mandateNo: string
  readonly card: string
  readonly amountFen: number
  readonly purpose: string
}

/** A: whether the bank took a file; `sha256` is of the file it speaks of. */
export interface AckRow {
  readonly sha256: string
  readonly result: string
  readonly note: string
}

/** R: what became of each debit. `bankNo` and `at` are empty where nothing was debited. */
export interface ReturnRow {
  readonly seq: number
  readonly orderNo: string
  readonly amountFen: number
  readonly result: string
  readonly bankNo: string
  /** 'YYYYMMDDHHMMSS' in Asia/Shanghai. */
  readonly at: string
  readonly note: string
}

/** B: debits that had succeeded and were taken back by the payer's bank since. */
export interface BackRow extends ReturnRow {
  readonly returnNo: string
}

export interface RowOf {
  readonly O: OutRow
  readonly A: AckRow
  readonly R: ReturnRow
  readonly B: BackRow
}
export type FileKind = keyof RowOf

export interface DebitFile<K extends FileKind = FileKind> {
  readonly kind: K
  readonly bank: string
  /** The batch it is or speaks of; B files, which speak of many, have a number of their own. */
  readonly batchNo: string
  /** 'YYYYMMDD' */
  readonly day: string
  readonly madeAt: string
  readonly rows: readonly RowOf[K][]
}

const LAYOUT = 'YMDEBIT1'
const HEADER = [
  text('tag', 1),
  text('layout', 8),
  text('kind', 1),
  text('bank', 12),
  text('batchNo', 12),
  text('day', 8),
  text('madeAt', 14),
]
const ANSWER = [number('seq', 6), text('orderNo', 32), number('amountFen', 12), text('result', 2), text('bankNo', 24), text('at', 14)]
const DETAILS: Readonly<Record<FileKind, readonly Field[]>> = {
  O: [number('seq', 6), text('orderNo', 32), text('mandateNo', 20), text('card', 32), number('amountFen', 12), text('purpose', 40)],
  A: [text('sha256', 64), text('result', 2), text('note', 40)],
  R: [...ANSWER, text('note', 40)],
  B: [...ANSWER, text('returnNo', 24), text('note', 40)],
}
const FOOTER = [text('tag', 1), number('rows', 6), number('totalFen', 15), text('sha256', 64)]
const TAG_BYTES = 1
const CRLF = Buffer.from('\r\n')
const SHA_BYTES = 64

const widthOf = (fields: readonly Field[]): number => fields.reduce((sum, field) => sum + field.bytes, 0)
const encode = (value: string): Buffer => iconv.encode(value, 'gb18030')

/** As much of a text as fits, cut between characters, without what would break a line. */
export function fitText(value: string, bytes: number): string {
  let fitted = ''
  let used = 0
  for (const letter of value.toWellFormed().replace(/\p{C}/gu, ' ')) {
    used += encode(letter).length
    if (used > bytes) break
    fitted += letter
  }
  return fitted.trimEnd()
}

function renderField({ name, bytes, kind }: Field, value: unknown): Buffer {
  if (kind === 'number') {
    const digits = String(value).padStart(bytes, '0')
    if (!Number.isSafeInteger(value) || (value as number) < 0 || digits.length > bytes) throw new RangeError(`${name}: ${value}`)
    return Buffer.from(digits)
  }
  const encoded = encode(String(value))
  if (encoded.length > bytes) throw new RangeError(`${name} is longer than ${bytes} bytes`)
  return Buffer.concat([encoded, Buffer.alloc(bytes - encoded.length, ' ')])
}

const renderLine = (fields: readonly Field[], values: Readonly<Record<string, unknown>>): Buffer =>
  Buffer.concat(fields.map(field => renderField(field, values[field.name])))

const totalOf = (rows: readonly object[]): number =>
  rows.reduce((sum, row) => sum + ('amountFen' in row ? (row.amountFen as number) : 0), 0)
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** The bytes of a file; the same file has the same bytes. Throws RangeError for a value that does not fit. */
export function renderFile(file: DebitFile): Buffer {
  const { kind, bank, batchNo, day, madeAt, rows } = file
  if (rows.length > ROWS_MAX) throw new RangeError(`${rows.length} rows in one file`)
  const lines = [
    renderLine(HEADER, { tag: 'H', layout: LAYOUT, kind, bank, batchNo, day, madeAt }),
    ...rows.map(row => Buffer.concat([Buffer.from('D'), renderLine(DETAILS[kind], row as unknown as Record<string, unknown>)])),
  ]
  const summed = renderLine(FOOTER.slice(0, -1), { tag: 'T', rows: rows.length, totalFen: totalOf(rows) })
  const before = Buffer.concat([...lines.flatMap(line => [line, CRLF]), summed])
  return Buffer.concat([before, Buffer.from(sha256(before)), CRLF])
}

const refuse = (code: string, line: number, detail: string): never => {
  throw new StatementRefused(code, line, detail)
}

function parseLine(fields: readonly Field[], line: Buffer, at: number): Record<string, string | number> {
  let offset = 0
  const values: Record<string, string | number> = {}
  for (const { name, bytes, kind } of fields) {
    const raw = line.subarray(offset, offset + bytes)
    offset += bytes
    const value = iconv.decode(raw, 'gb18030')
    if (kind === 'number' && !/^\d+$/.test(value)) refuse('number', at, name)
    values[name] = kind === 'number' ? Number(value) : value.replace(/ +$/, '')
  }
  return values
}

const HEADER_BYTES = widthOf(HEADER) + CRLF.length
const FOOTER_BYTES = widthOf(FOOTER) + CRLF.length
/** No file is longer: the widest rows, a thousand of them. */
export const FILE_BYTES_MAX = HEADER_BYTES + FOOTER_BYTES + ROWS_MAX * (1 + Math.max(...Object.values(DETAILS).map(widthOf)) + CRLF.length)

/** The header alone, before anything else of a file is believed. */
function parseHeader(bytes: Buffer): Record<string, string | number> {
  if (bytes.length < HEADER_BYTES + FOOTER_BYTES) refuse('cut_off', 0, `${bytes.length} bytes`)
  const header = parseLine(HEADER, bytes, 1)
  if (header.tag !== 'H' || header.layout !== LAYOUT || !Object.hasOwn(DETAILS, header.kind as string)) refuse('header', 1, LAYOUT)
  return header
}

/**
 * Reads a file whole or refuses it whole: throws StatementRefused when a byte of it is not as its sender wrote it. What is read,
 * written again, gives the same bytes.
 */
export function parseFile(bytes: Buffer): DebitFile {
  if (bytes.length > FILE_BYTES_MAX) refuse('too_long', 0, `${bytes.length} bytes`)
  const { kind, bank, batchNo, day, madeAt } = parseHeader(bytes) as unknown as DebitFile
  const rowBytes = TAG_BYTES + widthOf(DETAILS[kind]) + CRLF.length
  const count = (bytes.length - HEADER_BYTES - FOOTER_BYTES) / rowBytes
  if (!Number.isInteger(count) || count > ROWS_MAX) refuse('cut_off', 0, `${bytes.length} bytes`)
  const footerAt = bytes.length - FOOTER_BYTES
  const hashAt = bytes.length - CRLF.length - SHA_BYTES
  const footer = parseLine(FOOTER, bytes.subarray(footerAt), count + 2)
  if (footer.sha256 !== sha256(bytes.subarray(0, hashAt))) refuse('digest', count + 2, 'the file is not as it was made')
  const rows = Array.from({ length: count }, (_, i) => {
    const from = HEADER_BYTES + i * rowBytes
    return parseLine(DETAILS[kind], bytes.subarray(from + TAG_BYTES, from + rowBytes), i + 2)
  }) as unknown as RowOf[FileKind][]
  if (footer.rows !== count || footer.totalFen !== totalOf(rows)) refuse('totals', count + 2, `${count} rows, ${totalOf(rows)} fen`)
  const file: DebitFile = { kind, bank, batchNo, day, madeAt, rows }
  // Whatever else could be written in two ways: line ends, tags, filling, bytes that are no character.
  if (!isSame(file, bytes)) refuse('form', 0, 'written in another way than the layout says')
  return file
}

function isSame(file: DebitFile, bytes: Buffer): boolean {
  try {
    return renderFile(file).equals(bytes)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** 'YYYYMMDDHHMMSS' of an instant in Asia/Shanghai, and back. */
export const stampOf = (at: Date): string => new Date(at.getTime() + 8 * 3_600_000).toISOString().replace(/[-:T]/g, '').slice(0, 14)

export function instantOf(stamp: string): Date | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/.exec(stamp)
  if (!match) return undefined
  const [, y, mo, d, h, mi, s] = match
  const at = new Date(`${y}-${mo}-${d}T${h}:${mi}:${s}+08:00`)
  return Number.isNaN(at.getTime()) || stampOf(at) !== stamp ? undefined : at
}

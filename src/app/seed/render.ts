import { writeFile } from 'node:fs/promises'
import ExcelJS from 'exceljs'
import iconv from 'iconv-lite'
import type { Mapping } from '#modules/billing/index.ts'

// Writes the files billers would send, each in its own layout. Independent of the reader: other libraries, other code.

export type Value = string | number | Date | readonly { readonly name: string; readonly amountFen: number }[]

export interface Contents {
  readonly rows: readonly (readonly Value[])[]
  readonly count: number
  readonly totalFen: number
  /** Day the file is made, 'YYYY-MM-DD'. */
  readonly madeOn: string
}

const encode = (text: string, encoding: 'UTF-8' | 'GB18030'): Buffer =>
  encoding === 'UTF-8' ? Buffer.from(text) : iconv.encode(text, 'gb18030')
const zeros = (n: number, width: number): string => String(n).padStart(width, '0')
export const yuan = (fen: number): string => `${Math.trunc(fen / 100)}.${zeros(fen % 100, 2)}`

function renderCsv(m: Extract<Mapping, { format: 'csv' }>, c: Contents): Buffer {
  const newline = m.delimiter === ',' ? '\r\n' : '\n'
  const cell = (value: Value): string => {
    const text = String(value)
    return m.quote && /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const lines = c.rows.map(row => row.map(cell).join(m.delimiter))
  if (m.has_header) lines.unshift(m.columns.map(column => column.header ?? column.name).join(m.delimiter))
  if (m.trailer) lines.push(['END', c.count, c.totalFen].join(m.delimiter))
  return encode(lines.map(line => line + newline).join(''), m.encoding)
}

function renderFixed(m: Extract<Mapping, { format: 'fixed_width' }>, c: Contents): Buffer {
  const line = (row: readonly Value[]): string =>
    m.columns
      .map((column, i) => (column.type === 'integer' ? String(row[i]).padStart(column.width!, '0') : String(row[i]).padEnd(column.width!)))
      .join('')
  const head = `H${c.madeOn.replaceAll('-', '')}${zeros(c.count, 8)}${zeros(c.totalFen, 15)}`
  const tail = `T${zeros(c.count, 8)}${zeros(c.totalFen, 15)}`
  return encode([head, ...c.rows.map(line), tail].map(text => `${text}\n`).join(''), m.encoding)
}

async function renderXlsx(m: Extract<Mapping, { format: 'xlsx' }>, c: Contents): Promise<Buffer> {
  const book = new ExcelJS.Workbook()
  book.created = new Date(`${c.madeOn}T00:00:00Z`)
  book.modified = book.created
  const sheet = book.addWorksheet(m.sheet)
  for (let title = 1; title < m.first_data_row - 1; title++) sheet.addRow([`${m.sheet} ${c.madeOn}`])
  sheet.addRow(m.columns.map(column => column.header ?? column.name))
  for (const row of c.rows) sheet.addRow([...row])
  if (m.trailer) {
    const total = m.columns.findIndex(column => column.name === m.bill.total_amount)
    sheet.addRow(['合计', ...Array.from({ length: total - 1 }, () => null), c.totalFen / 100])
  }
  return Buffer.from(await book.xlsx.writeBuffer())
}

const renderJson = (m: Mapping, c: Contents): Buffer =>
  Buffer.from(c.rows.map(row => `${JSON.stringify(Object.fromEntries(m.columns.map((column, i) => [column.name, row[i]])))}\n`).join(''))

/** The file as bytes. Values stand in column order: amounts as the layout prints them, days as text or Date. */
export async function renderFile(m: Mapping, contents: Contents): Promise<Buffer> {
  switch (m.format) {
    case 'csv':
      return renderCsv(m, contents)
    case 'fixed_width':
      return renderFixed(m, contents)
    case 'xlsx':
      return renderXlsx(m, contents)
    case 'json':
      return renderJson(m, contents)
  }
}

export const writeRendered = async (path: string, m: Mapping, contents: Contents): Promise<void> =>
  writeFile(path, await renderFile(m, contents))

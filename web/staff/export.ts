import ExcelJS from 'exceljs'
import type { FastifyReply } from 'fastify'
import { csvOf } from '#kernel/csv.ts'

export const EXPORT_FORMATS = ['csv', 'xlsx', 'json'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

type Cell = string | number | undefined

/** A list for other programs and for people: `keys` name the columns to programs, `titles` to people. */
export interface Export {
  /** File name without its ending. */
  readonly name: string
  readonly keys: readonly string[]
  readonly titles: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

/** Text cells stay text whatever they begin with: the format says so, nothing is computed. */
async function xlsxOf({ titles, rows }: Export): Promise<Buffer> {
  const book = new ExcelJS.Workbook()
  const sheet = book.addWorksheet('1', { views: [{ state: 'frozen', ySplit: 1 }] })
  sheet.addRow([...titles]).font = { bold: true }
  for (const row of rows) sheet.addRow([...row])
  return Buffer.from(await book.xlsx.writeBuffer())
}

const objectOf = (keys: readonly string[], row: readonly Cell[]): Record<string, Cell> =>
  Object.fromEntries(keys.map((key, i) => [key, row[i]]))

const TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  json: 'application/json; charset=utf-8',
}

export async function sendExport(reply: FastifyReply, format: ExportFormat, list: Export): Promise<FastifyReply> {
  const body =
    format === 'csv'
      ? csvOf([list.titles, ...list.rows])
      : format === 'xlsx'
        ? await xlsxOf(list)
        : JSON.stringify(list.rows.map(row => objectOf(list.keys, row)))
  void reply.type(TYPES[format]).header('content-disposition', `attachment; filename="${list.name}.${format}"`)
  return reply.header('cache-control', 'no-store').send(body)
}

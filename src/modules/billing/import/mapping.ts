import { z } from 'zod'

// A biller's file is described, not programmed: a new biller is one more document of this shape in its configuration.

const columnName = z.string().min(1).max(60)

const column = z.strictObject({
  name: columnName,
  /** Title as the file prints it; checked where the file has a header row, shown in error lists. */
  header: z.string().max(60).optional(),
  type: z.enum(['text', 'integer', 'decimal', 'date', 'code', 'const', 'array']),
  /** Money columns say yuan or fen; quantities name their own unit. */
  unit: z.string().max(10).optional(),
  /** Fixed width: first byte (from 1) and width in bytes. */
  start: z.int().min(1).max(65_536).optional(),
  width: z.int().min(1).max(4_096).optional(),
  const: z.string().max(60).optional(),
  codes: z.record(z.string(), z.string()).optional(),
})

/** A line that is no row: recognised by `prefix`, then read by `pattern` with the groups `count` and `total`. */
const record = z.strictObject({
  prefix: z.string().min(1).max(40),
  pattern: z.string().min(1).max(200),
  unit: z.enum(['yuan', 'fen']).default('fen'),
})

const period = z.union([
  z.strictObject({ column: columnName, format: z.enum(['yyyyMM', 'yyyy-MM', 'yyyyMM-yyyyMM']) }),
  /** A season such as 2026-2027, running from a month of the first year to a month of the second. */
  z.strictObject({ column: columnName, format: z.literal('yyyy-yyyy'), months: z.tuple([z.int().min(1).max(12), z.int().min(1).max(12)]) }),
  z.strictObject({ from: columnName, to: columnName }),
])

const feeLine = z.strictObject({
  item: z.string().min(1).max(40),
  name: z.string().min(1).max(40),
  /** The same for readers of English. */
  name_en: z.string().min(1).max(40).optional(),
  amount: columnName,
  quantity: columnName.optional(),
  unit_price: columnName.optional(),
  /** -1 for rebates and discounts, which files print as positive amounts. */
  sign: z.union([z.literal(1), z.literal(-1)]).default(1),
})

const bill = z.strictObject({
  account_no: columnName,
  bill_no: z.union([columnName, z.strictObject({ join: z.array(columnName).min(2).max(4) })]),
  payer_name: columnName.optional(),
  address: columnName.optional(),
  period,
  due_on: columnName,
  /** What is asked. Absent where the file prints no total: then it is the sum of the lines. */
  total_amount: columnName.optional(),
  usage: columnName.optional(),
  reading_previous: columnName.optional(),
  reading_current: columnName.optional(),
  status: z.strictObject({ column: columnName, closed: z.array(z.string()) }).optional(),
  lines: z.array(feeLine).max(20),
  /** Fee lines that come as an array of objects inside a row (JSON). */
  lines_from: z
    .strictObject({
      column: columnName,
      item: z.string(),
      name: z.string(),
      /** Names that occur in the file -> the same for readers of English. */
      names_en: z.record(z.string(), z.string().min(1).max(40)).optional(),
      amount: z.string(),
      unit: z.enum(['yuan', 'fen']),
    })
    .optional(),
})

/** What a row of a payments file is: paid when, how much, on which account, under which number of the system that took it. */
const payment = z.strictObject({
  account_no: columnName,
  payment_no: columnName,
  bill_no: z.union([columnName, z.strictObject({ join: z.array(columnName).min(2).max(4) })]).optional(),
  paid_on: columnName,
  amount: columnName,
  /** How it was paid, in the words of the file. */
  channel: columnName.optional(),
  /** Rows that were taken back stand in the file, but nothing was paid by them. */
  status: z.strictObject({ column: columnName, void: z.array(z.string()) }).optional(),
})

const common = {
  columns: z.array(column).min(3).max(100),
  date_format: z.enum(['yyyy-MM-dd', 'yyyy/MM/dd', 'yyyyMMdd', 'excel_date', 'iso8601']),
  header_record: record.optional(),
  trailer: record.optional(),
}
const encoding = z.enum(['UTF-8', 'GB18030'])

/** The four layouts a file may have, each with what its rows are. */
const layouts = <What extends z.ZodRawShape>(what: What) =>
  z.discriminatedUnion('format', [
    z.strictObject({
      format: z.literal('csv'),
      encoding,
      delimiter: z.string().length(1),
      quote: z.string().length(1).optional(),
      has_header: z.boolean(),
      first_data_row: z.int().min(1).max(50),
      ...common,
      ...what,
    }),
    z.strictObject({ format: z.literal('fixed_width'), encoding, first_data_row: z.int().min(1).max(50), ...common, ...what }),
    z.strictObject({
      format: z.literal('xlsx'),
      sheet: z.string().max(31),
      has_header: z.boolean(),
      first_data_row: z.int().min(1).max(50),
      ...common,
      ...what,
    }),
    z.strictObject({ format: z.literal('json'), ...common, ...what }),
  ])

const plainSchema = layouts({})
export const mappingSchema = layouts({ bill }).superRefine((m, at) => {
  const money = [m.bill.total_amount, ...m.bill.lines.map(line => line.amount)].filter(name => name !== undefined)
  const problems = [...problemsOf(m, columnsUsed(m.bill), money)]
  if (m.bill.lines.length === 0 && !m.bill.lines_from) problems.push('a bill needs at least one fee line')
  for (const message of problems) at.addIssue({ code: 'custom', message })
})
export const paymentMappingSchema = layouts({ payment }).superRefine((m, at) => {
  for (const message of problemsOf(m, paymentColumns(m.payment), [m.payment.amount])) at.addIssue({ code: 'custom', message })
})

/** What is wrong with a layout, field by field. */
export const whyMalformed = ({ issues }: z.ZodError): string =>
  issues
    .map(issue => `${issue.path.join('.')}: ${issue.message}`)
    .join('; ')
    .slice(0, 500)

/** How a file is laid out, whatever its rows are. */
export type Layout = z.infer<typeof plainSchema>
export type Mapping = z.infer<typeof mappingSchema>
export type PaymentMapping = z.infer<typeof paymentMappingSchema>
export type Column = z.infer<typeof column>
export type RecordLine = z.infer<typeof record>
type Bill = z.infer<typeof bill>

/** Names of all columns a payment is made of. */
export function paymentColumns(p: PaymentMapping['payment']): string[] {
  const billNo = p.bill_no === undefined ? [] : typeof p.bill_no === 'string' ? [p.bill_no] : p.bill_no.join
  return [p.account_no, p.payment_no, ...billNo, p.paid_on, p.amount, p.channel, p.status?.column].filter(name => name !== undefined)
}

/** Names of all columns a bill is made of. */
export function columnsUsed(b: Bill): string[] {
  const period = 'column' in b.period ? [b.period.column] : [b.period.from, b.period.to]
  const billNo = typeof b.bill_no === 'string' ? [b.bill_no] : b.bill_no.join
  const lines = b.lines.flatMap(line => [line.amount, line.quantity, line.unit_price])
  const single = [
    b.account_no,
    b.payer_name,
    b.address,
    b.due_on,
    b.total_amount,
    b.usage,
    b.reading_previous,
    b.reading_current,
    b.status?.column,
    b.lines_from?.column,
  ]
  return [...single, ...period, ...billNo, ...lines].filter(name => name !== undefined)
}

function* problemsOf(m: Layout, used: readonly string[], money: readonly string[]): Iterable<string> {
  const byName = new Map(m.columns.map(c => [c.name, c]))
  if (byName.size !== m.columns.length) yield 'two columns share a name'
  for (const name of used) if (!byName.has(name)) yield `a row uses the unknown column ${name}`
  for (const name of money)
    if (!['yuan', 'fen'].includes(byName.get(name)?.unit ?? '')) yield `column ${name} is money and must say yuan or fen`
  for (const c of m.columns) {
    if (m.format === 'fixed_width' && (c.start === undefined || c.width === undefined)) yield `column ${c.name} needs start and width`
    if (c.type === 'const' && c.const === undefined) yield `column ${c.name} needs its constant`
    if (c.type === 'code' && c.codes === undefined) yield `column ${c.name} needs its codes`
  }
  for (const r of [m.header_record, m.trailer]) {
    try {
      if (r) new RegExp(r.pattern, 'u')
    } catch {
      yield `pattern ${r?.pattern} is not a regular expression`
    }
  }
}

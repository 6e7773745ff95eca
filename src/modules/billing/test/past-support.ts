import { type Kernel, systemCtx } from '#kernel/context.ts'
import { formatYuan } from '#kernel/money.ts'
import { unwrap } from '#kernel/result.ts'
import { importBills, importPast, type PastReport, type PaymentsFile, type ShadowReport, shadowDay } from '../index.ts'
import { HEADER, registerWater, waterConfig } from './import-support.ts'

const COLUMNS = [
  { name: 'paid_on', header: '缴费日期', type: 'date' },
  { name: 'payment_no', header: '流水号', type: 'text' },
  { name: 'account_no', header: '用户编号', type: 'text' },
  { name: 'bill_no', header: '账单编号', type: 'text' },
  { name: 'amount', header: '实缴金额', type: 'decimal', unit: 'yuan' },
  { name: 'channel', header: '方式', type: 'text' },
  { name: 'status', header: '状态', type: 'text' },
]

/** How the system before writes its payments, for tests that need to write every byte themselves. */
export const paymentsMapping = {
  format: 'csv',
  encoding: 'UTF-8',
  delimiter: ',',
  has_header: true,
  first_data_row: 2,
  date_format: 'yyyy-MM-dd',
  columns: COLUMNS,
  trailer: { prefix: '合计', pattern: '^合计,(?<count>\\d+),(?<total>[\\d.]+)$', unit: 'yuan' },
  payment: {
    account_no: 'account_no',
    payment_no: 'payment_no',
    bill_no: 'bill_no',
    paid_on: 'paid_on',
    amount: 'amount',
    channel: 'channel',
    status: { column: 'status', void: ['已冲正'] },
  },
}

export const ACCOUNT_A = '1045333141'
export const ACCOUNT_B = '1078932884'

export interface Row {
  readonly on?: string
  readonly no: string
  readonly account?: string
  readonly bill?: string
  readonly fen?: number
  readonly channel?: string
  readonly status?: string
}

/** The file of some payments with its summary. */
export function fileOf(rows: readonly Row[], day = '2026-10-08'): Buffer {
  const lines = rows.map(
    r =>
      `${r.on ?? day},${r.no},${r.account ?? ACCOUNT_A},${r.bill ?? 'W1'},${formatYuan(r.fen ?? 7_440).replaceAll(',', '')},${r.channel ?? '微信'},${r.status ?? '正常'}\n`,
  )
  const sum = rows.reduce((total, r) => total + (r.fen ?? 7_440), 0)
  const head = `${COLUMNS.map(c => c.header).join(',')}\n`
  return Buffer.from(`${head}${lines.join('')}合计,${rows.length},${formatYuan(sum).replaceAll(',', '')}\n`)
}

/** A water company whose files of payments are declared, with bills under the given numbers. */
export async function withWaterBills(kernel: Kernel, bills: readonly { no: string; fen: number; account?: string }[]): Promise<void> {
  await registerWater(kernel, { ...waterConfig, mappings: { ...waterConfig.mappings, payments: paymentsMapping } })
  if (bills.length === 0) return
  const lines = bills.map(b => {
    const yuan = (b.fen / 100).toFixed(2)
    return `${b.account ?? ACCOUNT_A},Zhang,Somewhere 1,202607-202608,${yuan},0.00,${yuan},2099/09/30,${b.no}\r\n`
  })
  const bills_ = waterConfig.mappings.bills as object
  const text = `${HEADER}${lines.join('')}`
  const input = { billerId: 'water', stream: one(Buffer.from(text)), fileName: 'bills', mapping: { ...bills_, encoding: 'UTF-8' } }
  const report = unwrap(await importBills(systemCtx(kernel, 1, 'test'), input))
  if (report.outcome !== 'imported') throw new Error(JSON.stringify(report.errors))
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

export const takePast = async (
  kernel: Kernel,
  bytes: Buffer,
  more: Partial<PaymentsFile & { dryRun: boolean }> = {},
): Promise<PastReport> =>
  unwrap(await importPast(systemCtx(kernel, 1, 'test'), { billerId: 'water', bytes, fileName: 'paid.csv', ...more }))

export const takeDay = async (kernel: Kernel, day: string, rows: readonly Row[] | Buffer): Promise<ShadowReport> => {
  const bytes = Buffer.isBuffer(rows) ? rows : fileOf(rows, day)
  return unwrap(await shadowDay(systemCtx(kernel, 1, 'test'), { billerId: 'water', day, bytes, fileName: `${day}.csv` }))
}

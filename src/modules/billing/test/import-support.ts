import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { unwrap } from '#kernel/result.ts'
import { type ImportInput, type ImportReport, importBills, registerBiller } from '../index.ts'
import type { BillerConfig } from '../model.ts'

/** A water company with the layout of its files, for tests that need to write every byte themselves. */
export const waterConfig: BillerConfig = {
  account: { pattern: '^10[0-9]{8}$', length: 10, check: 'luhn', example: '1045333141' },
  late_fee: { grace_days: 15, rate_per_day_e6: 500 },
  partial_payment: 'oldest_first',
  posting_window_min: 60,
  cycle_months: 2,
  mappings: {
    bills: {
      format: 'csv',
      encoding: 'GB18030',
      delimiter: ',',
      quote: '"',
      has_header: true,
      first_data_row: 2,
      date_format: 'yyyy/MM/dd',
      columns: [
        { name: 'account_no', header: '用户编号', type: 'text' },
        { name: 'payer_name', header: '户名', type: 'text' },
        { name: 'address', header: '地址', type: 'text' },
        { name: 'period', header: '账期', type: 'text' },
        { name: 'water', header: '水费', type: 'decimal', unit: 'yuan' },
        { name: 'sewage', header: '污水处理费', type: 'decimal', unit: 'yuan' },
        { name: 'total', header: '应缴金额', type: 'decimal', unit: 'yuan' },
        { name: 'due_on', header: '截止日', type: 'date' },
        { name: 'bill_no', header: '账单编号', type: 'text' },
      ],
      bill: {
        account_no: 'account_no',
        bill_no: 'bill_no',
        payer_name: 'payer_name',
        address: 'address',
        period: { column: 'period', format: 'yyyyMM-yyyyMM' },
        due_on: 'due_on',
        total_amount: 'total',
        lines: [
          { item: 'water', name: '水费', amount: 'water' },
          { item: 'sewage', name: '污水处理费', amount: 'sewage' },
        ],
      },
    },
  },
}

export const HEADER = '用户编号,户名,地址,账期,水费,污水处理费,应缴金额,截止日,账单编号\r\n'
export const ROW_A = '1045333141,示例户甲,青砖一村3幢2单元401,202607-202608,51.60,22.80,74.40,2026/09/30,W1\r\n'
export const ROW_B = '1078932884,"示例户乙（二层,西侧）",柳湾新村8幢1单元202,202607-202608,25.80,11.40,37.20,2026/09/30,W2\r\n'
export const ROW_C = '1004072383,示例户丙,听雨轩5幢1101,202607-202608,113.16,45.60,158.76,2026/09/30,W3\r\n'

export const registerWater = async (kernel: Kernel, config: BillerConfig = waterConfig): Promise<void> =>
  unwrap(
    await registerBiller(systemCtx(kernel, 1, 'test'), {
      id: 'water',
      nameZh: '自来水公司',
      nameEn: 'Water',
      serviceZh: '水费',
      serviceEn: 'Water',
      unit: 'm3',
      config,
      tariffs: [],
    }),
  )

/** Imports bytes through a file, as the command line does. */
export async function take(kernel: Kernel, bytes: Buffer, more: Partial<ImportInput> = {}): Promise<ImportReport> {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-import-test-'))
  try {
    const path = join(folder, 'file')
    writeFileSync(path, bytes)
    return unwrap(await importBills(systemCtx(kernel, 1, 'test'), { billerId: 'water', path, fileName: 'file', ...more }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Everything an import may leave behind. */
export const traces = (kernel: Kernel) =>
  kernel.db.read(1, tx =>
    tx.one<{ bills: number; accounts: number; batches: number; staged: number; events: number }>(sql`
      select (select count(*)::int from billing.bill where tenant_id = 1) as bills, (select count(*)::int from billing.account where tenant_id = 1) as accounts,
        (select count(*)::int from billing.batch where tenant_id = 1) as batches, (select count(*)::int from billing.import_stage where tenant_id = 1) as staged,
        (select count(*)::int from trail.pending_event where tenant_id = 1 and type = 'billing.batch_imported') as events`),
  )

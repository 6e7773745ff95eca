import { createHash } from 'node:crypto'
import type { Ctx } from '#kernel/context.ts'
import { csvOf } from '#kernel/csv.ts'
import { seededRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays } from '#kernel/time.ts'
import { importPast } from '#modules/billing/index.ts'
import { generators, serialNumbers } from './bills.ts'
import type { BillerContent } from './content.ts'
import { listCycles } from './cycles.ts'
import type { Household } from './households.ts'
import { yuan } from './render.ts'

const WAYS = ['营业厅现金', '微信', '微信', '支付宝', '银行代扣']
const DAYS_TO_PAY = 25

/**
 * What the system before this one took in the year before the town's bills begin, as the file it would have left behind. Taken in again
 * it changes nothing.
 */
export async function bringPast(
  ctx: Ctx,
  biller: BillerContent,
  households: readonly Household[],
  seed: string,
  firstIssuedOn: string,
): Promise<number> {
  if (!biller.payments_mapping) return 0
  const random = seededRandom(`${seed}:${biller.id}:past`)
  const cycles = listCycles(biller.id, addDays(firstIssuedOn, -1))
  const no = serial(seed)
  const billNumbers = serialNumbers(biller.id)
  const billNoAt = biller.mapping.columns.findIndex(column => column.name === biller.mapping.bill.bill_no)
  const rows = households.flatMap(household => {
    const accountNo = household.accounts[biller.id]
    if (accountNo === undefined) return []
    return [...generators[biller.id](biller, household, accountNo, cycles, random, billNumbers, false)].map(
      ({ cycle, amountFen, values }) => {
        const paidOn = addDays(cycle.issuedOn, 1 + random.int(DAYS_TO_PAY))
        return {
          paidOn,
          cells: [paidOn, no(accountNo, paidOn), accountNo, String(values[billNoAt]), yuan(amountFen), WAYS[random.int(WAYS.length)]!],
          amountFen,
        }
      },
    )
  })
  rows.sort((a, b) => (a.paidOn < b.paidOn ? -1 : 1))
  const total = rows.reduce((sum, row) => sum + row.amountFen, 0)
  const text = csvOf([
    ['缴费日期', '流水号', '用户编号', '账单编号', '实缴金额', '方式'],
    ...rows.map(row => row.cells),
    ['合计', rows.length, yuan(total)],
  ])
  const report = unwrap(await importPast(ctx, { billerId: biller.id, fileName: `${biller.id}-past.csv`, bytes: Buffer.from(text) }))
  if (report.outcome === 'refused') throw new Error(`the seed's own past was refused: ${JSON.stringify(report.errors.slice(0, 3))}`)
  return report.newPayments
}

/** Numbers as a till would give them: the same for the same account and day. */
const serial = (seed: string) => (accountNo: string, day: string) =>
  `S${day.slice(2).replaceAll('-', '')}${(createHash('sha256').update(`${seed}:${accountNo}`).digest().readUIntBE(0, 5) % 1e8).toString().padStart(8, '0')}`

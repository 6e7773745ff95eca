import { mappingSchema } from '../import/mapping.ts'
import type { BillerConfig } from '../model.ts'

/** What is known of a biller to recognise its bills by. */
export interface KnownBiller {
  readonly id: string
  /** In both languages, what it is called and what it delivers. */
  readonly names: readonly string[]
  readonly services: readonly string[]
  readonly account: BillerConfig['account']
  /** Words its own files put over the fields. */
  readonly labels: Readonly<Record<'account' | 'bill' | 'amount' | 'period', readonly string[]>>
  /** First and last month of a season it names by its two years. */
  readonly season?: readonly [number, number]
}

const plain = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/\(.*?\)|[\s_]/g, '')
    .toUpperCase()

/** A biller as its configuration describes it: nothing has to be declared for photos. */
export function knownBiller(biller: {
  id: string
  nameZh: string
  nameEn: string
  serviceZh: string
  serviceEn: string
  config: BillerConfig
}): KnownBiller {
  const parsed = mappingSchema.safeParse(biller.config.mappings.bills)
  const known = {
    id: biller.id,
    names: [biller.nameZh, biller.nameEn].map(plain),
    services: [biller.serviceZh, biller.serviceEn].map(plain),
    account: biller.config.account,
  }
  if (!parsed.success) return { ...known, labels: { account: [], bill: [], amount: [], period: [] } }
  const { bill, columns } = parsed.data
  const headers = (...names: unknown[]): string[] =>
    columns.filter(column => names.includes(column.name) && column.header).map(column => plain(column.header!))
  const { period } = bill
  return {
    ...known,
    labels: {
      account: headers(bill.account_no),
      bill: typeof bill.bill_no === 'string' ? headers(bill.bill_no) : [],
      amount: headers(bill.total_amount ?? bill.lines[0]?.amount),
      period: 'column' in period ? headers(period.column) : headers(period.from, period.to),
    },
    ...('column' in period && 'months' in period && period.months && { season: [period.months[0]!, period.months[1]!] as const }),
  }
}

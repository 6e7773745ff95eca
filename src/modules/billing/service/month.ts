import { type Ctx, permit } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addDays } from '#kernel/time.ts'
import {
  findFirstDay,
  findOpenDay,
  lastReadyDay,
  type OpenDay,
  todayOf,
  viewMonthMoney,
  viewReconciliation,
} from '#modules/payments/index.ts'
import { errors } from '../errors.ts'
import * as settlements from '../store/settlements.ts'
import * as bills from '../store.ts'

export interface MonthDay {
  readonly day: string
  readonly byChannel: Readonly<Record<string, number>>
  readonly orders: number
  readonly collectedFen: number
  readonly returnedFen: number
  /** Differences between statements and books found for the day, and those still without an explanation. */
  readonly breaks: number
  readonly openBreaks: number
  readonly overFen: number
  /** Billers whose settlement of the day is made. */
  readonly settled: number
  /** Closed: every channel agrees and every drawer is counted. Otherwise what is in the way, or that it is not due yet. */
  readonly state: 'closed' | 'not_due' | OpenDay
}

export interface Month {
  readonly month: string
  readonly from: string
  /** Last day of the month, or today in one that has not ended. */
  readonly to: string
  readonly days: readonly MonthDay[]
  readonly billers: readonly {
    readonly id: string
    readonly nameZh: string
    readonly nameEn: string
    readonly collectedFen: number
    readonly returnedFen: number
    /** What belongs to the month and stands in files of later ones. */
    readonly correctedFen: number
  }[]
  /** By class of the chart of accounts: the digits before the first colon. Their sum is zero or the books are wrong. */
  readonly balances: readonly { readonly code: string; readonly fen: number }[]
  readonly trialBalanceFen: number
  readonly openBreaks: number
}

const MONTH_FORM = /^20\d\d-(0[1-9]|1[0-2])$/

const lastDayOf = (month: string): string => {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10)
}

function listDaysOf(from: string, to: string): string[] {
  const days: string[] = []
  for (let day = from; day <= to; day = addDays(day, 1)) days.push(day)
  return days
}

const byClass = (balances: readonly { readonly code: string; readonly amount: number }[]): Month['balances'] => {
  const sums = new Map<string, number>()
  for (const { code, amount } of balances) sums.set(code.split(':')[0]!, (sums.get(code.split(':')[0]!) ?? 0) + amount)
  return [...sums].map(([code, fen]) => ({ code, fen })).sort((a, b) => (a.code < b.code ? -1 : 1))
}

const sumOf = <T>(rows: readonly T[], fen: (row: T) => number): number => rows.reduce((sum, row) => sum + fen(row), 0)

/** How a month was collected, agreed with the channels, counted and settled, day by day, and the books at its end. */
export async function viewMonth(ctx: Ctx, month: string): Promise<Result<Month>> {
  const allowed = permit(ctx, 'payments.console.read')
  if (!allowed.ok) return allowed
  const today = todayOf(ctx)
  if (!MONTH_FORM.test(month) || `${month}-01` > today) return fail(errors.month_unknown, undefined, 'month')
  const from = `${month}-01`
  const to = [lastDayOf(month), today].sort()[0]!
  const [money, closes] = [await viewMonthMoney(ctx, from, to), await viewReconciliation(ctx, from, to)]
  if (!money.ok) return money
  if (!closes.ok) return closes
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const made = await settlements.listSettlements(tx, ctx.tenantId, { from, to, billerId: null })
    const first = await findFirstDay(tx, ctx.tenantId)
    const ready = lastReadyDay(ctx.kernel.clock.now())
    const days: MonthDay[] = []
    for (const day of first === undefined ? [] : listDaysOf([from, first].sort()[1]!, to)) {
      const isOn = (row: { readonly day: string }) => row.day === day
      const paid = money.value.days.filter(isOn)
      const counts = closes.value.counts.filter(isOn)
      const open = day <= ready ? await findOpenDay(tx, ctx, day) : undefined
      days.push({
        day,
        byChannel: Object.fromEntries(paid.map(row => [row.channel, row.fen])),
        orders: sumOf(paid, row => row.orders),
        collectedFen: sumOf(paid, row => row.fen),
        returnedFen: sumOf(money.value.returned.filter(isOn), row => row.fen),
        breaks: sumOf(counts, row => row.count),
        openBreaks: sumOf(counts, row => row.open),
        overFen: sumOf(money.value.counted.filter(isOn), row => row.overFen),
        settled: made.filter(isOn).length,
        state: day > ready ? 'not_due' : (open ?? 'closed'),
      })
    }
    const corrected = await settlements.mapCorrectedAfter(tx, ctx.tenantId, from, lastDayOf(month))
    const balances = byClass(money.value.balances)
    return ok({
      month,
      from,
      to,
      days,
      billers: (await bills.listBillers(tx, ctx.tenantId)).map(({ id, nameZh, nameEn }) => {
        const own = made.filter(row => row.billerId === id)
        return {
          ...{ id, nameZh, nameEn, correctedFen: corrected.get(id) ?? 0 },
          ...{ collectedFen: sumOf(own, row => row.collectedFen), returnedFen: sumOf(own, row => row.returnedFen) },
        }
      }),
      balances,
      trialBalanceFen: sumOf(balances, row => row.fen),
      openBreaks: sumOf(days, row => row.openBreaks),
    })
  })
}

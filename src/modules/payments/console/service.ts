import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { ok, type Result } from '#kernel/result.ts'
import { addDays, addMs, dayOf, startOfDay } from '#kernel/time.ts'
import { balancesBefore } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { ordersExported } from '../events.ts'
import * as store from './store.ts'

export type { CollectedRow, FailureRow, OrderFilter, OrderRecord } from './store.ts'

export interface Collections {
  readonly rows: readonly store.CollectedRow[]
  /** Collected seven days before, up to the same time of day where the day is not over. */
  readonly weekBeforeFen: number
  readonly returned: Awaited<ReturnType<typeof store.listReturned>>
  readonly failures: readonly store.FailureRow[]
  readonly waiting: Awaited<ReturnType<typeof store.countWaiting>>
}

const spanOf = (day: string): store.Span => ({ from: startOfDay(day), to: startOfDay(addDays(day, 1)) })

/** What a day brought, what went back, what failed and why, and what waits for people now. */
export async function viewCollections(ctx: Ctx, day: string): Promise<Result<Collections>> {
  const allowed = permit(ctx, 'payments.console.read')
  if (!allowed.ok) return allowed
  const now = ctx.kernel.clock.now()
  const span = spanOf(day)
  const elapsed_ms = Math.min(now.getTime(), span.to.getTime()) - span.from.getTime()
  const weekBefore = startOfDay(addDays(day, -7))
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const before = await store.listCollected(tx, ctx.tenantId, { from: weekBefore, to: addMs(weekBefore, Math.max(elapsed_ms, 0)) })
    return ok({
      rows: await store.listCollected(tx, ctx.tenantId, span),
      weekBeforeFen: before.find(row => row.by === 'all')?.fen ?? 0,
      returned: await store.listReturned(tx, ctx.tenantId, span),
      failures: await store.listFailures(tx, ctx.tenantId, span),
      waiting: await store.countWaiting(tx, ctx.tenantId),
    })
  })
}

export const RECORDS_PAGE = 50
/** Rows of one exported file; a day of a large sub-district has a tenth of it. */
export const RECORDS_EXPORTED_MAX = 50_000

/** The orders behind a figure of the console, a page at a time. */
export async function listRecords(
  ctx: Ctx,
  input: { readonly day: string; readonly filter: store.OrderFilter; readonly page: number },
): Promise<Result<{ readonly records: store.OrderRecord[]; readonly total: number }>> {
  const allowed = permit(ctx, 'payments.console.read')
  if (!allowed.ok) return allowed
  const span = spanOf(input.day)
  const at = { offset: (input.page - 1) * RECORDS_PAGE, limit: RECORDS_PAGE }
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok({
      records: await store.listOrdersBehind(tx, ctx.tenantId, span, input.filter, at),
      total: await store.countOrdersBehind(tx, ctx.tenantId, span, input.filter),
    }),
  )
}

/** All of them for a file. That they left the system is on the trail. */
export async function exportRecords(
  ctx: Ctx,
  input: { readonly day: string; readonly filter: store.OrderFilter },
): Promise<Result<store.OrderRecord[]>> {
  const allowed = permit(ctx, 'payments.console.read')
  if (!allowed.ok) return allowed
  const { day, filter } = input
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const at = { offset: 0, limit: RECORDS_EXPORTED_MAX }
    const records = await store.listOrdersBehind(tx, ctx.tenantId, spanOf(day), filter, at)
    const { outcome, channel, place, cause } = filter
    const body = { day, outcome, rows: records.length, ...(channel && { channel }), ...(place && { place }), ...(cause && { cause }) }
    await append(tx, ctx, ordersExported, { subjectId: makeId(ctx), body })
    return ok(records)
  })
}

/** The day a console opens with: today in Asia/Shanghai. */
export const todayOf = (ctx: Ctx): string => dayOf(ctx.kernel.clock.now())

export interface MonthMoney {
  readonly days: Awaited<ReturnType<typeof store.listDays>>
  readonly returned: Awaited<ReturnType<typeof store.listReturnedDays>>
  readonly counted: Awaited<ReturnType<typeof store.listCounted>>
  /** Every account as the month ended, or as it stands in one that has not. */
  readonly balances: readonly { readonly code: string; readonly amount: number }[]
}

/** The money of [from, to], days in Asia/Shanghai, for the report of a month. */
export async function viewMonthMoney(ctx: Ctx, from: string, to: string): Promise<Result<MonthMoney>> {
  const allowed = permit(ctx, 'payments.console.read')
  if (!allowed.ok) return allowed
  const span = { from: startOfDay(from), to: startOfDay(addDays(to, 1)) }
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok({
      days: await store.listDays(tx, ctx.tenantId, span),
      returned: await store.listReturnedDays(tx, ctx.tenantId, span),
      counted: await store.listCounted(tx, ctx.tenantId, span),
      balances: await balancesBefore(tx, ctx.tenantId, span.to),
    }),
  )
}

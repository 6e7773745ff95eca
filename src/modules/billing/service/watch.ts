import { type Ctx, permit } from '#kernel/context.ts'
import { ok, type Result } from '#kernel/result.ts'
import { addDays, addMs, startOfDay } from '#kernel/time.ts'
import { listCashierDays, todayOf } from '#modules/payments/index.ts'
import { listLookups } from '../store/journeys.ts'
import { type ClerkDay, type Signal, WATCH_DAYS, watchClerks } from '../watch.ts'

/** A bill looked up this recently may still be paid: it says nothing yet. */
const SETTLING_MS = 60 * 60_000

/** What stands out at the windows in the last days, for who answers for the drawers. */
export async function listSignals(ctx: Ctx): Promise<Result<Signal[]>> {
  const allowed = permit(ctx, 'payments.cash.read')
  if (!allowed.ok) return allowed
  const today = todayOf(ctx)
  const from = startOfDay(addDays(today, 1 - WATCH_DAYS))
  const to = startOfDay(addDays(today, 1))
  const { looked, taken } = await ctx.kernel.db.read(ctx.tenantId, async tx => ({
    looked: await listLookups(tx, ctx.tenantId, { from, to: addMs(ctx.kernel.clock.now(), -SETTLING_MS) }),
    taken: await listCashierDays(tx, ctx.tenantId, { from, to }),
  }))
  const days = new Map<string, ClerkDay>()
  const at = ({ clerkId, day }: { clerkId: string; day: string }): ClerkDay =>
    days.get(`${clerkId} ${day}`) ?? { clerkId, day, lookups: 0, abandoned: 0, takings: 0, voids: 0, turns: 0, overFen: 0 }
  for (const row of [...looked, ...taken]) days.set(`${row.clerkId} ${row.day}`, { ...at(row), ...row })
  return ok(watchClerks([...days.values()], today))
}

import { type Ctx, permit } from '#kernel/context.ts'
import { ok, type Result } from '#kernel/result.ts'
import { addDays, startOfDay } from '#kernel/time.ts'
import { type BillerHealth, listBillerHealth } from '../store/health.ts'

export type { BillerHealth }

/** How each biller answered on a day, and what it has not answered yet. */
export async function viewBillers(ctx: Ctx, day: string): Promise<Result<BillerHealth[]>> {
  const allowed = permit(ctx, 'payments.console.read')
  if (!allowed.ok) return allowed
  const span = { from: startOfDay(day), to: startOfDay(addDays(day, 1)) }
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => listBillerHealth(tx, ctx.tenantId, span)))
}

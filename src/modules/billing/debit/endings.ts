import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { unwrap } from '#kernel/result.ts'
import { dayOf } from '#kernel/time.ts'
import { listShares } from '#modules/identity/index.ts'
import { end } from './mandates.ts'
import * as store from './store.ts'

/** Ends mandates whose last day is over, a page at a time. Answers how many. */
export async function endOverdue(ctx: Ctx, mandates: readonly store.MandateRow[]): Promise<number> {
  const { tenantId, kernel } = ctx
  const today = dayOf(kernel.clock.now())
  const over = mandates.filter(mandate => mandate.untilOn !== null && mandate.untilOn < today)
  for (const { id } of over)
    await kernel.db.tx(tenantId, async tx => {
      const mandate = await store.lockMandate(tx, tenantId, id)
      // Prolonged meanwhile, by a version nobody had seen yet.
      if (mandate && mandate.untilOn !== null && mandate.untilOn < today) await end(tx, ctx, mandate, 'term_over')
    })
  return over.length
}

/**
 * Somebody may no longer see an account a family member shared: their mandate for it ends with the share, or it would go on telling
 * them what that household uses. What they keep themselves, or see by another share, stays.
 */
export async function endWithShare(tx: Tx, ctx: Ctx, share: { readonly ownerId: string; readonly otherId: string }): Promise<void> {
  const { received } = unwrap(await listShares(ctx, share.otherId))
  const still = received.map(one => `resident:${one.ownerId}`)
  const who = { payer: `resident:${share.otherId}`, owner: `resident:${share.ownerId}`, still }
  for (const { id } of await store.listUnshared(tx, ctx.tenantId, who)) {
    const mandate = await store.lockMandate(tx, ctx.tenantId, id)
    if (mandate) await end(tx, ctx, mandate, 'share_ended')
  }
}

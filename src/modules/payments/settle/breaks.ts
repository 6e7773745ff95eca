import { type Ctx, makeId } from '#kernel/context.ts'
import { sql, type Tx } from '#kernel/db/index.ts'
import { tellOpened } from '../reconcile/breaks.ts'
import type { Severity } from '../reconcile/model.ts'
import { OUTSIDE, resolveOutsideBreak } from '../reconcile/outside.ts'
import * as reconcile from '../reconcile/store.ts'

/** Money on the bank account that is not as it should be: a payout, a remittance, or something nobody can name. */
export interface MoneyBreak {
  readonly class: 'settle_diff' | 'bank_only'
  readonly severity: Severity
  /** Whose money it is: a channel, a biller's party, or the bank's own where nobody knows. */
  readonly channel: string
  readonly day: string
  readonly ref: string
  readonly line: number | null
  readonly statedFen: number | null
  readonly bookedFen: number | null
  readonly happenedAt: Date
  readonly fileId: string
}

export type MoneySide = 'payouts' | 'remittances'

/**
 * Lets exactly these differences of one side be open: new ones are opened with a task, those no longer true end as booked, what a
 * person decided stays decided.
 */
export async function keepMoneyBreaks(tx: Tx, ctx: Ctx, side: MoneySide, current: readonly MoneyBreak[]): Promise<void> {
  const { tenantId } = ctx
  const openedAt = ctx.kernel.clock.now()
  // No merchant number: a new statement of the same day decides nothing about its payout.
  const rows = current.map(b => ({
    ...b,
    id: makeId(ctx),
    mchid: '',
    ourNo: '',
    about: null,
    statementId: b.fileId,
    openedAt,
    resolution: null,
  }))
  for (const fresh of await reconcile.upsertBreaks(tx, tenantId, rows)) {
    const b = (await reconcile.findBreak(tx, tenantId, fresh.id))!
    await tellOpened(tx, ctx, b, true)
  }
  const known = new Set(current.map(b => `${b.class} ${b.channel} ${b.ref}`))
  const open = await tx.rows<{ id: string; class: string; channel: string; ref: string; taskId: string | null }>(sql`
    select id, class, channel, ref, task_id as "taskId" from payments.break
    where tenant_id = ${tenantId} and class in ('settle_diff', 'bank_only') and mchid = '' and resolved_at is null
      and (channel like ${`${OUTSIDE}%`}) = ${side === 'remittances'} for update`)
  for (const b of open) if (!known.has(`${b.class} ${b.channel} ${b.ref}`)) await resolveOutsideBreak(tx, ctx, b, 'booked')
}

/** Whether a grave difference of these days is in the way of a remittance; the one about itself is not. */
export const hasGraveBreak = async (tx: Tx, tenantId: number, days: readonly string[], party: string, ref: string): Promise<boolean> =>
  (await tx.maybe(sql`
    select 1 from payments.break
    where tenant_id = ${tenantId} and day = any(${[...days]}::date[]) and severity = 1 and resolved_at is null and ref <> ${ref}
      and (channel not like ${`${OUTSIDE}%`} or channel = ${party}) limit 1`)) !== undefined

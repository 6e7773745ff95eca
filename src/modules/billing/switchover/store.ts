import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { sqlOrderTries } from '#modules/payments/index.ts'
import type { Feature, Plan, RampStep, Terms } from './model.ts'

export interface PlanRow extends Plan {
  readonly steps: readonly RampStep[]
  readonly note: string
  readonly askedBy: string
  readonly askedAt: Date
  readonly decidedBy: string | null
  readonly decidedAt: Date | null
  readonly isAgreed: boolean | null
  readonly endWhy: 'budget' | 'person' | 'replaced' | 'restored' | null
  readonly endedBy: string | null
  readonly endNote: string | null
  readonly endTries: number | null
  readonly endFailures: number | null
}

const COLUMNS = sql`id, feature, areas, steps, open_from as "openFrom", open_until as "openUntil", budget_e4, tries_min as "triesMin", window_min as "windowMin",
  note, asked_by as "askedBy", asked_at as "askedAt", decided_by as "decidedBy", decided_at as "decidedAt", is_agreed as "isAgreed", ended_at as "endedAt",
  end_why as "endWhy", ended_by as "endedBy", end_why is not distinct from 'restored' as "isRestored", end_note as "endNote", end_tries as "endTries", end_failures as "endFailures"`

const present = (row: PlanRow): PlanRow => ({ ...row, openFrom: row.openFrom ?? undefined, openUntil: row.openUntil ?? undefined })

/** Plans that were agreed on for a feature, the newest first. */
export const listAgreed = async (tx: Tx, tenantId: number, feature: Feature): Promise<PlanRow[]> =>
  (
    await tx.rows<PlanRow>(sql`
      select ${COLUMNS} from billing.switch_plan where tenant_id = ${tenantId} and feature = ${feature} and is_agreed order by decided_at desc limit 100`)
  ).map(present)

export const listRunning = async (tx: Tx, tenantId: number): Promise<PlanRow[]> =>
  (
    await tx.rows<PlanRow>(
      sql`select ${COLUMNS} from billing.switch_plan where tenant_id = ${tenantId} and is_agreed and ended_at is null order by decided_at desc limit 100`,
    )
  ).map(present)

export const listPlans = async (tx: Tx, tenantId: number): Promise<PlanRow[]> =>
  (
    await tx.rows<PlanRow>(sql`select ${COLUMNS} from billing.switch_plan where tenant_id = ${tenantId} order by asked_at desc limit 60`)
  ).map(present)

export const lockPlan = async (tx: Tx, tenantId: number, id: string): Promise<PlanRow | undefined> => {
  const row = await tx.maybe<PlanRow>(
    sql`select ${COLUMNS} from billing.switch_plan where tenant_id = ${tenantId} and id = ${id} for update`,
  )
  return row && present(row)
}

export const insertPlan = (tx: Tx, tenantId: number, p: Terms & { id: string; note: string; askedBy: string; askedAt: Date }) =>
  tx.run(sql`
    insert into billing.switch_plan (tenant_id, id, feature, areas, steps, open_from, open_until, budget_e4, tries_min, window_min, note, asked_by, asked_at)
    values (${tenantId}, ${p.id}, ${p.feature}, ${[...p.areas]}::text[], ${JSON.stringify(p.steps)}::jsonb, ${p.openFrom ?? null}, ${p.openUntil ?? null},
      ${p.budget_e4}, ${p.triesMin}, ${p.windowMin}, ${p.note}, ${p.askedBy}, ${p.askedAt})`)

export const decidePlan = (tx: Tx, tenantId: number, d: { id: string; by: string; at: Date; isAgreed: boolean }) =>
  tx.run(sql`
    update billing.switch_plan set decided_by = ${d.by}, decided_at = ${d.at}, is_agreed = ${d.isAgreed}
    where tenant_id = ${tenantId} and id = ${d.id} and decided_at is null`)

export const endPlan = async (
  tx: Tx,
  tenantId: number,
  e: {
    id: string
    by: string
    at: Date
    why: NonNullable<PlanRow['endWhy']>
    note: string | null
    tries?: number | undefined
    failures?: number | undefined
  },
): Promise<boolean> =>
  (await tx.run(sql`
    update billing.switch_plan set ended_by = ${e.by}, ended_at = ${e.at}, end_why = ${e.why}, end_note = ${e.note}, end_tries = ${e.tries ?? null},
      end_failures = ${e.failures ?? null}
    where tenant_id = ${tenantId} and id = ${e.id} and is_agreed and ended_at is null`)) === 1

/** False for one that was not taken back, or is restored already. */
export const restorePlan = async (tx: Tx, tenantId: number, r: { id: string; by: string; at: Date; note: string }): Promise<boolean> =>
  (await tx.run(sql`
    update billing.switch_plan set ended_by = ${r.by}, ended_at = ${r.at}, end_why = 'restored', end_note = ${r.note}
    where tenant_id = ${tenantId} and id = ${r.id} and end_why in ('person', 'budget')`)) === 1

// ---- communities

/** The community of each address: the longest beginning that fits. */
const sqlAreaOf = (tenantId: number, address: Sql): Sql => sql`(
  select r.area_code from billing.area_rule r where r.tenant_id = ${tenantId} and starts_with(${address}, r.prefix) order by length(r.prefix) desc limit 1)`

export const findAreaOf = async (tx: Tx, tenantId: number, accountId: string): Promise<string | undefined> =>
  (
    await tx.maybe<{ area: string | null }>(sql`
      select ${sqlAreaOf(tenantId, sql`a.address_mask`)} as area from billing.account a where a.tenant_id = ${tenantId} and a.id = ${accountId}`)
  )?.area ?? undefined

export interface AreaRule {
  readonly prefix: string
  readonly areaCode: string
}

export const listAreaRules = (tx: Tx, tenantId: number) =>
  tx.rows<AreaRule>(
    sql`select prefix, area_code as "areaCode" from billing.area_rule where tenant_id = ${tenantId} order by area_code, prefix limit 1000`,
  )

export const upsertAreaRule = (tx: Tx, tenantId: number, r: AreaRule & { by: string; at: Date }) =>
  tx.run(sql`
    insert into billing.area_rule (tenant_id, prefix, area_code, set_by, set_at) values (${tenantId}, ${r.prefix}, ${r.areaCode}, ${r.by}, ${r.at})
    on conflict (tenant_id, prefix) do update set area_code = excluded.area_code, set_by = excluded.set_by, set_at = excluded.set_at`)

export const deleteAreaRule = (tx: Tx, tenantId: number, prefix: string) =>
  tx.run(sql`delete from billing.area_rule where tenant_id = ${tenantId} and prefix = ${prefix}`)

/** Accounts of each community, the key empty where it is not known. */
export const countAccounts = (tx: Tx, tenantId: number) =>
  tx.rows<{ area: string; accounts: number }>(sql`
    select coalesce(area, '') as area, count(*)::integer as accounts from (
      select ${sqlAreaOf(tenantId, sql`a.address_mask`)} as area from billing.account a where a.tenant_id = ${tenantId} and not a.is_closed) x group by 1 order by 1`)

/** Open accounts of some communities, or all, each with its community: what a share is counted on. */
export const listAccountAreas = (tx: Tx, tenantId: number, areas: readonly string[], limit: number) =>
  tx.rows<{ id: string; area: string | null }>(sql`
    select id, area from (
      select a.id, ${sqlAreaOf(tenantId, sql`a.address_mask`)} as area from billing.account a where a.tenant_id = ${tenantId} and not a.is_closed) x
    where ${areas.length === 0} or area = any(${[...areas]}::text[]) limit ${limit}`)

/** Tries to pay at a place since an instant by accounts a plan speaks for, and how many failed. */
export const countTries = (tx: Tx, tenantId: number, q: { place: string; since: Date; areas: readonly string[] }) =>
  tx.one<{ tries: number; failures: number }>(sql`
    select count(distinct t.order_id)::integer as tries, (count(distinct t.order_id) filter (where t.failed))::integer as failures
    from (${sqlOrderTries(tenantId, q.place, q.since)}) t
    join billing.bill b on b.tenant_id = ${tenantId} and b.id = t.subject_id
    join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id
    where ${q.areas.length === 0} or ${sqlAreaOf(tenantId, sql`a.address_mask`)} = any(${[...q.areas]}::text[])`)

import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { sqlHeldSubjects } from '#modules/payments/index.ts'
import type { BillerRule } from '../dues.ts'

interface Asked {
  readonly id: string
  readonly askedBy: string
  readonly askedAt: Date
  readonly decidedAt: Date | null
  readonly isAgreed: boolean | null
}

export interface RuleRow extends Asked {
  readonly billerId: string
  readonly validFrom: string
  readonly rule: BillerRule
  readonly note: string
}

export interface WaiverRow extends Asked {
  readonly accountId: string
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly note: string | null
}

const ASKED = sql`id, asked_by as "askedBy", asked_at as "askedAt", decided_at as "decidedAt", is_agreed as "isAgreed"`
const RULE_COLUMNS = sql`${ASKED}, biller_id as "billerId", valid_from as "validFrom", rule, note`
const WAIVER_COLUMNS = sql`${ASKED}, account_id as "accountId", from_on as "from", to_on as "to", reason, note`

export const insertRule = (tx: Tx, tenantId: number, r: Omit<RuleRow, 'decidedAt' | 'isAgreed'>) =>
  tx.run(sql`
    insert into billing.late_fee_rule (tenant_id, id, biller_id, valid_from, rule, note, asked_by, asked_at)
    values (${tenantId}, ${r.id}, ${r.billerId}, ${r.validFrom}, ${JSON.stringify(r.rule)}::jsonb, ${r.note}, ${r.askedBy}, ${r.askedAt})`)

export const insertWaiver = (tx: Tx, tenantId: number, w: Omit<WaiverRow, 'decidedAt' | 'isAgreed'>) =>
  tx.run(sql`
    insert into billing.waiver (tenant_id, id, account_id, from_on, to_on, reason, note, asked_by, asked_at)
    values (${tenantId}, ${w.id}, ${w.accountId}, ${w.from}, ${w.to}, ${w.reason}, ${w.note}, ${w.askedBy}, ${w.askedAt})`)

export const lockRule = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<RuleRow>(sql`select ${RULE_COLUMNS} from billing.late_fee_rule where tenant_id = ${tenantId} and id = ${id} for update`)

export const lockWaiver = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<WaiverRow>(sql`select ${WAIVER_COLUMNS} from billing.waiver where tenant_id = ${tenantId} and id = ${id} for update`)

interface Decision {
  readonly id: string
  readonly by: string
  readonly at: Date
  readonly isAgreed: boolean
}

const decided = (tenantId: number, d: Decision): Sql =>
  sql`set decided_by = ${d.by}, decided_at = ${d.at}, is_agreed = ${d.isAgreed} where tenant_id = ${tenantId} and id = ${d.id} and decided_at is null`

export const decideRule = (tx: Tx, tenantId: number, d: Decision) => tx.run(sql`update billing.late_fee_rule ${decided(tenantId, d)}`)
export const decideWaiver = (tx: Tx, tenantId: number, d: Decision) => tx.run(sql`update billing.waiver ${decided(tenantId, d)}`)

const LISTED_MAX = 200

/** Rules asked for and not declined, by biller and first day. */
export const listRules = (tx: Tx, tenantId: number) =>
  tx.rows<RuleRow>(sql`
    select ${RULE_COLUMNS} from billing.late_fee_rule where tenant_id = ${tenantId} and is_agreed is distinct from false
    order by biller_id, valid_from, asked_at limit ${LISTED_MAX}`)

export const hasRuleOn = async (tx: Tx, tenantId: number, billerId: string, validFrom: string): Promise<boolean> =>
  (await tx.maybe(sql`
    select from billing.late_fee_rule where tenant_id = ${tenantId} and biller_id = ${billerId} and valid_from = ${validFrom} and is_agreed is distinct from false`)) !==
  undefined

/** Waivers that wait for a second person, the oldest first, with the account they are for. */
export const listOpenWaivers = (tx: Tx, tenantId: number) =>
  tx.rows<WaiverRow & { billerId: string; accountNo: string; holderMask: string }>(sql`
    select w.*, a.biller_id as "billerId", a.account_no as "accountNo", a.holder_mask as "holderMask"
    from (select ${WAIVER_COLUMNS} from billing.waiver where tenant_id = ${tenantId} and decided_at is null) w
    join billing.account a on a.tenant_id = ${tenantId} and a.id = w."accountId" order by w."askedAt" limit ${LISTED_MAX}`)

export interface OpenBill {
  readonly id: string
  readonly billNo: string
  readonly accountId: string
  readonly amountFen: number
  readonly dueOn: string
}

/** Bills of a biller nobody has paid or is paying that are due before a day, the oldest first. */
export const listOpenBills = (tx: Tx, tenantId: number, billerId: string, before: string, limit: number) =>
  tx.rows<OpenBill>(sql`
    select b.id, b.bill_no as "billNo", b.account_id as "accountId", b.amount_fen as "amountFen", b.due_on as "dueOn"
    from billing.bill b
    where b.tenant_id = ${tenantId} and b.biller_id = ${billerId} and b.due_on < ${before} and not b.settled_before and b.withdrawn_at is null
      and not exists (select from (${sqlHeldSubjects(tenantId, 'bill')}) h where h.subject_id = b.id)
    order by b.due_on, b.bill_no limit ${limit}`)

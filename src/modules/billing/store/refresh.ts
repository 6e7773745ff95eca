import { sql, type Tx } from '#kernel/db/index.ts'
import type { FeeLine } from '../model.ts'

export interface AskedAccount {
  readonly accountId: string
  readonly accountNo: string
  readonly billerId: string
  readonly issuedAt: Date
  readonly askedAt: Date | null
  readonly triedAt: Date | null
}

export const findAsked = (tx: Tx, tenantId: number, code: string) =>
  tx.maybe<AskedAccount>(sql`
    select a.id as "accountId", a.account_no as "accountNo", a.biller_id as "billerId", b.issued_at as "issuedAt", a.asked_at as "askedAt",
      a.tried_at as "triedAt"
    from billing.bill b join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id
    where b.tenant_id = ${tenantId} and b.code = ${code}`)

/** True for the one of several visitors who is to ask. */
export const takeAsking = async (tx: Tx, tenantId: number, accountId: string, now: Date, triedBefore: Date) =>
  (await tx.run(sql`
    update billing.account set tried_at = ${now}
    where tenant_id = ${tenantId} and id = ${accountId} and (tried_at is null or tried_at <= ${triedBefore})`)) === 1

export const setAsked = (tx: Tx, tenantId: number, accountId: string, at: Date) =>
  tx.run(sql`update billing.account set asked_at = ${at} where tenant_id = ${tenantId} and id = ${accountId}`)

export interface HeldBill {
  readonly id: string
  readonly billNo: string
  readonly amountFen: number
  readonly isSettledBefore: boolean
  /** It is settled because the biller said so when asked, and the biller may say otherwise later. */
  readonly isSettledElsewhere: boolean
}

export const listHeld = (tx: Tx, tenantId: number, accountId: string, billNos: readonly string[]) =>
  tx.rows<HeldBill>(sql`
    select id, bill_no as "billNo", amount_fen as "amountFen", settled_before as "isSettledBefore", settled_elsewhere_at is not null as "isSettledElsewhere" from billing.bill
    where tenant_id = ${tenantId} and account_id = ${accountId} and bill_no = any(${[...billNos]}::text[]) and withdrawn_at is null for update`)

export const settleElsewhere = (tx: Tx, tenantId: number, ids: readonly string[], at: Date) =>
  tx.run(sql`
    update billing.bill set settled_before = true, settled_elsewhere_at = ${at} where tenant_id = ${tenantId} and id = any(${[...ids]}::uuid[])`)

export const reopenBills = (tx: Tx, tenantId: number, ids: readonly string[]) =>
  tx.run(sql`
    update billing.bill set settled_before = false, settled_elsewhere_at = null where tenant_id = ${tenantId} and id = any(${[...ids]}::uuid[])`)

export const correctBill = (tx: Tx, tenantId: number, id: string, amountFen: number, lines: readonly FeeLine[]) =>
  tx.run(sql`
    update billing.bill set amount_fen = ${amountFen}, lines = ${JSON.stringify(lines)}::jsonb where tenant_id = ${tenantId} and id = ${id}`)

export interface FoundBill {
  readonly id: string
  readonly code: string
  readonly billNo: string
  readonly period: string
  readonly amountFen: number
  readonly dueOn: string
  readonly isPaid: boolean
  readonly lines: readonly FeeLine[]
}

export const insertFound = (tx: Tx, tenantId: number, billerId: string, accountId: string, b: FoundBill, at: Date) =>
  tx.run(sql`
    insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at, settled_before, settled_elsewhere_at)
    values (${tenantId}, ${b.id}, ${b.code}, ${billerId}, ${accountId}, ${b.billNo}, ${b.period}, ${b.period}, ${b.amountFen}, ${b.dueOn},
      ${JSON.stringify(b.lines)}::jsonb, ${at}, ${b.isPaid}, ${b.isPaid ? at : null}) on conflict do nothing`)

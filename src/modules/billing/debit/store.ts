import { sql, type Tx } from '#kernel/db/index.ts'
import type { Terms, TryRow } from './model.ts'

export type DebitState = 'pending' | 'active' | 'suspended' | 'ended'

export interface MandateRow extends Terms {
  readonly id: string
  readonly payer: string
  readonly accountId: string
  readonly bankMandateId: string
  readonly state: DebitState
  readonly version: number
  readonly lang: 'zh-CN' | 'en'
  readonly why: string | null
  readonly openedAt: Date
  readonly endedAt: Date | null
  readonly wording: string
  readonly consentedAt: Date
}

const COLUMNS = sql`m.id, m.payer, m.account_id as "accountId", m.bank_mandate_id as "bankMandateId", m.state, m.version, m.lang, m.why, m.opened_at as "openedAt",
  m.ended_at as "endedAt", v.ceiling_fen as "ceilingFen", v.days_before as "daysBefore", v.until_on as "untilOn", v.wording, v.consented_at as "consentedAt"`
const FROM = sql`billing.debit_mandate m join billing.debit_version v on v.tenant_id = m.tenant_id and v.mandate_id = m.id and v.version = m.version`

/** False when this payer has a live one for the account. */
export const insertMandate = async (
  tx: Tx,
  tenantId: number,
  m: Pick<MandateRow, 'id' | 'payer' | 'accountId' | 'bankMandateId' | 'state' | 'lang' | 'openedAt'>,
): Promise<boolean> =>
  (await tx.run(sql`
    insert into billing.debit_mandate (tenant_id, id, payer, account_id, bank_mandate_id, state, version, lang, opened_at)
    values (${tenantId}, ${m.id}, ${m.payer}, ${m.accountId}, ${m.bankMandateId}, ${m.state}, 1, ${m.lang}, ${m.openedAt}) on conflict do nothing`)) ===
  1

export const insertVersion = (
  tx: Tx,
  tenantId: number,
  v: Terms & { mandateId: string; version: number; wording: string; sha256: Buffer; at: Date },
) =>
  tx.run(sql`
    insert into billing.debit_version (tenant_id, mandate_id, version, replaces, ceiling_fen, days_before, until_on, wording, wording_sha256, consented_at)
    values (${tenantId}, ${v.mandateId}, ${v.version}, ${v.version > 1 ? v.version - 1 : null}, ${v.ceilingFen}, ${v.daysBefore}, ${v.untilOn}, ${v.wording}, ${v.sha256}, ${v.at})`)

export const setVersion = async (tx: Tx, tenantId: number, id: string, version: number): Promise<boolean> =>
  (await tx.run(sql`
    update billing.debit_mandate set version = ${version} where tenant_id = ${tenantId} and id = ${id} and version = ${version - 1} and state <> 'ended'`)) ===
  1

export const moveMandate = async (
  tx: Tx,
  tenantId: number,
  id: string,
  from: readonly DebitState[],
  to: DebitState,
  how: { why?: string; at: Date },
): Promise<boolean> =>
  (await tx.run(sql`
    update billing.debit_mandate set state = ${to}, why = coalesce(${how.why ?? null}, why), ended_at = case when ${to}::text = 'ended' then ${how.at} else ended_at end
    where tenant_id = ${tenantId} and id = ${id} and state = any(${[...from]}::text[])`)) === 1

export const lockMandate = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<MandateRow>(sql`select ${COLUMNS} from ${FROM} where m.tenant_id = ${tenantId} and m.id = ${id} for update of m`)

export const findMandateByBank = (tx: Tx, tenantId: number, bankMandateId: string) =>
  tx.maybe<MandateRow>(sql`select ${COLUMNS} from ${FROM} where m.tenant_id = ${tenantId} and m.bank_mandate_id = ${bankMandateId}`)

export const findMandateOfOrder = (tx: Tx, tenantId: number, orderId: string) =>
  tx.maybe<MandateRow>(sql`
    select ${COLUMNS} from ${FROM} join billing.debit_item i on i.tenant_id = m.tenant_id and i.mandate_id = m.id
    where m.tenant_id = ${tenantId} and i.order_id = ${orderId}`)

/** A resident's mandates: what is live first, then the newest; ended ones for a while. */
export const listMandatesOf = (tx: Tx, tenantId: number, payer: string) =>
  tx.rows<MandateRow>(sql`
    select ${COLUMNS} from ${FROM} where m.tenant_id = ${tenantId} and m.payer = ${payer} order by m.state = 'ended', m.opened_at desc limit 50`)

export const findLive = (tx: Tx, tenantId: number, payer: string, accountId: string) =>
  tx.maybe<MandateRow>(sql`
    select ${COLUMNS} from ${FROM} where m.tenant_id = ${tenantId} and m.payer = ${payer} and m.account_id = ${accountId} and m.state <> 'ended'`)

/** Live mandates of a payer for accounts that only this owner's share let them see. */
export const listUnshared = (
  tx: Tx,
  tenantId: number,
  who: { readonly payer: string; readonly owner: string; readonly still: readonly string[] },
) =>
  tx.rows<{ id: string }>(sql`
    select m.id from billing.debit_mandate m
    where m.tenant_id = ${tenantId} and m.payer = ${who.payer} and m.state <> 'ended'
      and exists (
        select from billing.binding k
        where k.tenant_id = m.tenant_id and k.account_id = m.account_id and k.payer = ${who.owner} and k.relation <> 'helper')
      and not exists (
        select from billing.binding k where k.tenant_id = m.tenant_id and k.account_id = m.account_id
          and (k.payer = ${who.payer} or (k.payer = any(${[...who.still]}::text[]) and k.relation <> 'helper')))
    order by m.id`)

/** Mandates by which something may be debited, a page after an id. */
export const listActive = (tx: Tx, tenantId: number, after: string, limit: number) =>
  tx.rows<MandateRow>(sql`
    select ${COLUMNS} from ${FROM} where m.tenant_id = ${tenantId} and m.state = 'active' and m.id > ${after} order by m.id limit ${limit}`)

// ---- tries

export interface ItemRow extends TryRow {
  readonly mandateId: string
  readonly billId: string
  readonly version: number
  readonly amountFen: number
  readonly orderId: string | null
  readonly settledAt: Date | null
}

const ITEM_COLUMNS = sql`i.mandate_id as "mandateId", i.bill_id as "billId", i.try, i.version, i.day, i.amount_fen as "amountFen", i.order_id as "orderId", i.outcome,
  i.failure, i.settled_at as "settledAt"`

export const insertItem = async (tx: Tx, tenantId: number, i: Omit<ItemRow, 'failure' | 'settledAt'>): Promise<boolean> =>
  (await tx.run(sql`
    insert into billing.debit_item (tenant_id, mandate_id, bill_id, try, version, day, amount_fen, order_id, outcome)
    values (${tenantId}, ${i.mandateId}, ${i.billId}, ${i.try}, ${i.version}, ${i.day}, ${i.amountFen}, ${i.orderId}, ${i.outcome}) on conflict do nothing`)) ===
  1

export const listItemsOfBills = (tx: Tx, tenantId: number, mandateId: string, billIds: readonly string[]) =>
  tx.rows<ItemRow>(sql`
    select ${ITEM_COLUMNS} from billing.debit_item i
    where i.tenant_id = ${tenantId} and i.mandate_id = ${mandateId} and i.bill_id = any(${[...billIds]}::uuid[]) order by i.bill_id, i.try`)

/** The newest tries of some mandates. */
export const listItems = (tx: Tx, tenantId: number, mandateIds: readonly string[], limit: number) =>
  tx.rows<ItemRow>(sql`
    select ${ITEM_COLUMNS} from billing.debit_item i
    where i.tenant_id = ${tenantId} and i.mandate_id = any(${[...mandateIds]}::uuid[]) order by i.day desc, i.bill_id, i.try desc limit ${limit}`)

export const findItemOfOrder = (tx: Tx, tenantId: number, orderId: string) =>
  tx.maybe<ItemRow>(
    sql`select ${ITEM_COLUMNS} from billing.debit_item i where i.tenant_id = ${tenantId} and i.order_id = ${orderId} for update`,
  )

/** Settles a try from one of these outcomes; 0 when it had another. */
export const settleItem = async (
  tx: Tx,
  tenantId: number,
  orderId: string,
  from: readonly string[],
  how: { outcome: ItemRow['outcome']; failure: string | null; at: Date },
): Promise<boolean> =>
  (await tx.run(sql`
    update billing.debit_item set outcome = ${how.outcome}, failure = coalesce(${how.failure}, failure), settled_at = ${how.at}
    where tenant_id = ${tenantId} and order_id = ${orderId} and outcome = any(${[...from]}::text[])`)) === 1

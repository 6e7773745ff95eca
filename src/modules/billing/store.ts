import { sql, type Tx } from '#kernel/db/index.ts'
import type { DatedRule, WaivedSpan } from './dues.ts'
import type { BillerConfig, FeeLine, RescueReason } from './model.ts'
import { POSTING } from './model.ts'

export interface BillerRow {
  readonly id: string
  readonly nameZh: string
  readonly nameEn: string
  readonly serviceZh: string
  readonly serviceEn: string
  readonly unit: string
  readonly payableAccountId: number
  readonly isOnline: boolean
  readonly config: BillerConfig
  /** Rules agreed on since, by their first day; that of the configuration holds before them. */
  readonly rules: readonly DatedRule[]
}

const BILLER_COLUMNS = sql`b.id, b.name_zh as "nameZh", b.name_en as "nameEn", b.service_zh as "serviceZh", b.service_en as "serviceEn", b.unit,
  b.payable_account_id as "payableAccountId", b.is_online as "isOnline", b.config,
  jsonb_build_object('validFrom', '0001-01-01', 'rule', b.config -> 'late_fee') || coalesce((
    select jsonb_agg(jsonb_build_object('validFrom', r.valid_from, 'rule', r.rule) order by r.valid_from) from billing.late_fee_rule r
    where r.tenant_id = b.tenant_id and r.biller_id = b.id and r.is_agreed), '[]'::jsonb) as "rules"`

export const listBillers = (tx: Tx, tenantId: number) =>
  tx.rows<BillerRow>(
    sql`select ${BILLER_COLUMNS} from billing.biller b where b.tenant_id = ${tenantId} order by b.opened_at, b.id limit 200`,
  )

export const findBiller = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<BillerRow>(sql`select ${BILLER_COLUMNS} from billing.biller b where b.tenant_id = ${tenantId} and b.id = ${id}`)

export const upsertBiller = (tx: Tx, tenantId: number, b: Omit<BillerRow, 'rules'>, at: Date) =>
  tx.run(sql`
    insert into billing.biller (tenant_id, id, name_zh, name_en, service_zh, service_en, unit, payable_account_id, is_online, config, opened_at)
    values (${tenantId}, ${b.id}, ${b.nameZh}, ${b.nameEn}, ${b.serviceZh}, ${b.serviceEn}, ${b.unit}, ${b.payableAccountId}, ${b.isOnline}, ${JSON.stringify(b.config)}::jsonb, ${at})
    on conflict (tenant_id, id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, service_zh = excluded.service_zh,
      service_en = excluded.service_en, unit = excluded.unit, is_online = excluded.is_online, config = excluded.config`)

export const setBillerOnline = (tx: Tx, tenantId: number, id: string, isOnline: boolean) =>
  tx.run(sql`update billing.biller set is_online = ${isOnline} where tenant_id = ${tenantId} and id = ${id} and is_online <> ${isOnline}`)

/** Days agreed on for which accounts owe no late fee. */
export async function mapWaivers(tx: Tx, tenantId: number, accountIds: readonly string[]): Promise<Map<string, WaivedSpan[]>> {
  const rows = await tx.rows<WaivedSpan & { accountId: string }>(sql`
    select account_id as "accountId", from_on as "from", to_on as "to" from billing.waiver
    where tenant_id = ${tenantId} and account_id = any(${[...accountIds]}::uuid[]) and is_agreed order by from_on`)
  const spans = new Map<string, WaivedSpan[]>()
  for (const { accountId, from, to } of rows) spans.set(accountId, [...(spans.get(accountId) ?? []), { from, to }])
  return spans
}

export interface TariffRow {
  readonly billerId: string
  readonly id: string
  readonly validFrom: string
  readonly validTo: string | null
  readonly body: Record<string, unknown>
}

export const insertTariff = (tx: Tx, tenantId: number, t: TariffRow, at: Date) =>
  tx.run(sql`
    insert into billing.tariff (tenant_id, biller_id, id, valid_from, valid_to, body, published_at)
    values (${tenantId}, ${t.billerId}, ${t.id}, ${t.validFrom}, ${t.validTo}, ${JSON.stringify(t.body)}::jsonb, ${at}) on conflict do nothing`)

export const listTariffs = (tx: Tx, tenantId: number, billerId?: string) =>
  tx.rows<TariffRow>(sql`
    select biller_id as "billerId", id, valid_from as "validFrom", valid_to as "validTo", body from billing.tariff
    where tenant_id = ${tenantId} and (${billerId ?? null}::text is null or biller_id = ${billerId ?? null}) order by biller_id, valid_from desc limit 500`)

export interface BillRow {
  readonly id: string
  readonly code: string
  readonly billerId: string
  readonly accountId: string
  readonly billNo: string
  readonly periodFrom: string
  readonly periodTo: string
  readonly amountFen: number
  readonly dueOn: string
  readonly usageE3: number | null
  readonly readingFromE3: number | null
  readonly readingToE3: number | null
  readonly lines: readonly FeeLine[]
  readonly withdrawnAt: Date | null
  /** Paid at the biller: before this installation took its bills in, or elsewhere since. */
  readonly isSettledBefore: boolean
  /** Since when we know what stands here: when it was issued, or the biller was last asked. */
  readonly asOf: Date
  readonly accountNo: string
  readonly holderMask: string
  readonly addressMask: string
  readonly isAccountClosed: boolean
  /** Set for what was ordered: it is told, settled and receipted like a bill, and stands in no list of bills. */
  readonly product?: {
    readonly code: string
    readonly version: string
    readonly nameZh: string
    readonly nameEn: string
    /** Money paid in advance: nobody is told of it. */
    readonly isTopUp?: true
  } | null
}

const BILL_COLUMNS = sql`b.id, b.code, b.biller_id as "billerId", b.account_id as "accountId", b.bill_no as "billNo", b.period_from as "periodFrom",
  b.period_to as "periodTo", b.amount_fen as "amountFen", b.due_on as "dueOn", b.usage_e3 as "usageE3", b.reading_from_e3 as "readingFromE3",
  b.reading_to_e3 as "readingToE3", b.lines, b.withdrawn_at as "withdrawnAt", b.settled_before as "isSettledBefore", greatest(b.issued_at, a.asked_at) as "asOf", a.account_no as "accountNo", a.holder_mask as "holderMask",
  a.address_mask as "addressMask", a.is_closed as "isAccountClosed"`
const ORDERED_ON = sql`(o.placed_at at time zone 'Asia/Shanghai')`
const ORDERED_COLUMNS = sql`o.id, o.code, o.biller_id, o.account_id, o.code, to_char(${ORDERED_ON}, 'YYYY-MM'), to_char(${ORDERED_ON}, 'YYYY-MM'),
  o.amount_fen, ${ORDERED_ON}::date, null::bigint, null::bigint, null::bigint,
  jsonb_build_array(jsonb_build_object('item', 'product', 'name', p.body ->> 'name_zh', 'amount_fen', o.amount_fen)), null::timestamptz, false, o.placed_at,
  a.account_no, a.holder_mask, a.address_mask, a.is_closed,
  jsonb_build_object('code', p.code, 'version', p.version, 'nameZh', p.body ->> 'name_zh', 'nameEn', coalesce(p.body ->> 'name_en', p.body ->> 'name_zh'))`
const PAID_IN_ON = sql`(u.placed_at at time zone 'Asia/Shanghai')`
const TOP_UP_COLUMNS = sql`u.id, '', a.biller_id, u.account_id, u.id::text, to_char(${PAID_IN_ON}, 'YYYY-MM'), to_char(${PAID_IN_ON}, 'YYYY-MM'),
  u.amount_fen, ${PAID_IN_ON}::date, null::bigint, null::bigint, null::bigint, '[]'::jsonb, null::timestamptz, false, u.placed_at,
  a.account_no, a.holder_mask, a.address_mask, a.is_closed,
  jsonb_build_object('code', '', 'version', '', 'nameZh', '预存', 'nameEn', 'Paid in advance', 'isTopUp', true)`
const BILL_FROM = sql`billing.bill b join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id`

export const findBillByCode = (tx: Tx, tenantId: number, code: string) =>
  tx.maybe<BillRow>(sql`select ${BILL_COLUMNS} from ${BILL_FROM} where b.tenant_id = ${tenantId} and b.code = ${code}`)

/** Bills and things ordered, by the ids that lines of orders carry. */
export const listBillsById = (tx: Tx, tenantId: number, ids: readonly string[]) =>
  tx.rows<BillRow>(sql`
    select ${BILL_COLUMNS}, null::jsonb as product from ${BILL_FROM} where b.tenant_id = ${tenantId} and b.id = any(${[...ids]}::uuid[])
    union all
    select ${ORDERED_COLUMNS} from billing.product_order o
    join billing.product p on p.tenant_id = o.tenant_id and p.biller_id = o.biller_id and p.code = o.product_code and p.version = o.version
    join billing.account a on a.tenant_id = o.tenant_id and a.id = o.account_id
    where o.tenant_id = ${tenantId} and o.id = any(${[...ids]}::uuid[])
    union all
    select ${TOP_UP_COLUMNS} from billing.top_up u join billing.account a on a.tenant_id = u.tenant_id and a.id = u.account_id
    where u.tenant_id = ${tenantId} and u.id = any(${[...ids]}::uuid[])
    order by "periodTo", id`)

/** Newest first, the last two years at most. */
export const listBillsOfAccounts = (tx: Tx, tenantId: number, accountIds: readonly string[], limit = 200) =>
  tx.rows<BillRow>(sql`
    select ${BILL_COLUMNS} from ${BILL_FROM}
    where b.tenant_id = ${tenantId} and b.account_id = any(${[...accountIds]}::uuid[]) and b.withdrawn_at is null order by b.period_to desc, b.id limit ${limit}`)

/** Search of staff: a bill number, the code of a bill's page, or an account number or the beginning of one. */
export const searchBills = (tx: Tx, tenantId: number, text: string, prefix: string | null, billerId: string | null, limit: number) =>
  tx.rows<BillRow>(sql`
    select ${BILL_COLUMNS} from ${BILL_FROM}
    where b.tenant_id = ${tenantId} and (${billerId}::text is null or b.biller_id = ${billerId}) and (b.bill_no = ${text} or b.code = lower(${text})
      or b.account_id in (select id from billing.account where tenant_id = ${tenantId} and (account_no = ${text} or account_no like ${prefix}) limit ${limit}))
    order by b.period_to desc limit ${limit}`)

export interface AccountRow {
  readonly id: string
  readonly billerId: string
  readonly accountNo: string
  readonly holderMask: string
  readonly addressMask: string
  readonly isClosed: boolean
}

const ACCOUNT_COLUMNS = sql`a.id, a.biller_id as "billerId", a.account_no as "accountNo", a.holder_mask as "holderMask", a.address_mask as "addressMask", a.is_closed as "isClosed"`

export const findAccount = (tx: Tx, tenantId: number, billerId: string, accountNo: string) =>
  tx.maybe<AccountRow>(
    sql`select ${ACCOUNT_COLUMNS} from billing.account a where a.tenant_id = ${tenantId} and a.biller_id = ${billerId} and a.account_no = ${accountNo}`,
  )

export const findAccountById = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<AccountRow>(sql`select ${ACCOUNT_COLUMNS} from billing.account a where a.tenant_id = ${tenantId} and a.id = ${id}`)

export interface BindingRow extends AccountRow {
  readonly relation: string
  readonly nickname: string | null
  readonly sharedBy: string | null
}

/** The accounts these payers keep, each once: as the first of them keeps it. */
export const listBindings = (tx: Tx, tenantId: number, payers: readonly string[]) =>
  tx.rows<BindingRow>(sql`
    select ${ACCOUNT_COLUMNS}, k.relation, k.nickname, k.shared_by as "sharedBy" from (
      select distinct on (account_id) * from billing.binding
      where tenant_id = ${tenantId} and payer = any(${[...payers]}) order by account_id, array_position(${[...payers]}::text[], payer)
    ) k join billing.account a on a.tenant_id = k.tenant_id and a.id = k.account_id
    order by k.bound_at limit 50`)

export const countBindings = async (tx: Tx, tenantId: number, accountId: string): Promise<number> =>
  (
    await tx.one<{ count: number }>(
      sql`select count(*) as count from billing.binding where tenant_id = ${tenantId} and account_id = ${accountId}`,
    )
  ).count

export const upsertBinding = (
  tx: Tx,
  tenantId: number,
  k: { payer: string; accountId: string; relation: string; nickname: string | null; sharedBy: string | null },
  at: Date,
) =>
  tx.run(sql`
    insert into billing.binding (tenant_id, payer, account_id, relation, nickname, shared_by, bound_at)
    values (${tenantId}, ${k.payer}, ${k.accountId}, ${k.relation}, ${k.nickname}, ${k.sharedBy}, ${at})
    on conflict (tenant_id, payer, account_id) do update set relation = excluded.relation, nickname = excluded.nickname`)

export const deleteBinding = (tx: Tx, tenantId: number, payers: readonly string[], accountId: string) =>
  tx.run(sql`delete from billing.binding where tenant_id = ${tenantId} and payer = any(${[...payers]}) and account_id = ${accountId}`)

// ---- postings

export interface PostingRow {
  readonly id: string
  readonly orderId: string
  readonly billId: string
  readonly billerId: string
  readonly state: number
  readonly amountFen: number
  /** Of the amount. */
  readonly lateFeeFen: number
  /** What the biller counts beyond the amount, because it was paid early. */
  readonly rebateFen: number
  readonly paidAt: Date
  readonly failure: string | null
  readonly tries: number
}

const POSTING_COLUMNS = sql`p.id, p.order_id as "orderId", p.bill_id as "billId", p.biller_id as "billerId", p.state, p.amount_fen as "amountFen",
  p.late_fee_fen as "lateFeeFen", p.rebate_fen as "rebateFen", p.paid_at as "paidAt", p.failure, p.tries`

export const insertPosting = (
  tx: Tx,
  tenantId: number,
  p: {
    id: string
    orderId: string
    billId: string
    billerId: string
    amountFen: number
    lateFeeFen: number
    rebateFen: number
    paidAt: Date
    dueAt: Date
  },
) =>
  tx.run(sql`
    insert into billing.posting (tenant_id, id, order_id, bill_id, biller_id, state, amount_fen, late_fee_fen, rebate_fen, paid_at, tries, due_at)
    values (${tenantId}, ${p.id}, ${p.orderId}, ${p.billId}, ${p.billerId}, ${POSTING.held}, ${p.amountFen}, ${p.lateFeeFen}, ${p.rebateFen}, ${p.paidAt}, 0, ${p.dueAt}) on conflict do nothing`)

export const listPostings = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<PostingRow>(
    sql`select ${POSTING_COLUMNS} from billing.posting p where p.tenant_id = ${tenantId} and p.order_id = ${orderId} order by p.id`,
  )

export const lockPostings = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<PostingRow>(
    sql`select ${POSTING_COLUMNS} from billing.posting p where p.tenant_id = ${tenantId} and p.order_id = ${orderId} order by p.id for update`,
  )

export const findPostingOf = (tx: Tx, tenantId: number, orderId: string, billId: string) =>
  tx.maybe<PostingRow>(
    sql`select ${POSTING_COLUMNS} from billing.posting p where p.tenant_id = ${tenantId} and p.order_id = ${orderId} and p.bill_id = ${billId}`,
  )

export const findPosting = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<PostingRow>(sql`select ${POSTING_COLUMNS} from billing.posting p where p.tenant_id = ${tenantId} and p.id = ${id}`)

export const takeDuePostings = (tx: Tx, tenantId: number, now: Date, until: Date, limit: number) =>
  tx.rows<{ id: string }>(sql`
    update billing.posting u set tries = u.tries + 1, due_at = ${until}
    from (select id from billing.posting where tenant_id = ${tenantId} and finished_at is null and due_at <= ${now} order by due_at limit ${limit} for update skip locked) d
    where u.tenant_id = ${tenantId} and u.id = d.id returning u.id`)

export const movePosting = async (
  tx: Tx,
  tenantId: number,
  id: string,
  from: readonly number[],
  to: number,
  extra: { failure?: string; dueAt?: Date; finishedAt?: Date } = {},
) =>
  (await tx.run(sql`
    update billing.posting set state = ${to}, failure = coalesce(${extra.failure ?? null}, failure), due_at = coalesce(${extra.dueAt ?? null}, due_at),
      finished_at = coalesce(${extra.finishedAt ?? null}, finished_at)
    where tenant_id = ${tenantId} and id = ${id} and state = any(${[...from]}::smallint[])`)) === 1

// ---- wrong payments

export interface RescueRow {
  readonly id: string
  readonly orderId: string
  readonly reason: RescueReason
  readonly state: 'asked' | 'returned' | 'declined'
  readonly answer: string | null
  readonly dueAt: Date
  readonly askedAt: Date
  readonly answeredAt: Date | null
  readonly noteSealed: Buffer | null
  readonly taskId: string | null
}

const RESCUE_COLUMNS = sql`w.id, w.order_id as "orderId", w.reason, w.state, w.answer, w.due_at as "dueAt", w.asked_at as "askedAt",
  w.answered_at as "answeredAt", w.note_sealed as "noteSealed", w.task_id as "taskId"`

export const insertRescue = (
  tx: Tx,
  tenantId: number,
  r: Pick<RescueRow, 'id' | 'orderId' | 'reason' | 'dueAt' | 'askedAt' | 'noteSealed'>,
) =>
  tx.run(sql`
    insert into billing.wrong_payment (tenant_id, id, order_id, reason, note_sealed, state, due_at, asked_at)
    values (${tenantId}, ${r.id}, ${r.orderId}, ${r.reason}, ${r.noteSealed}, 'asked', ${r.dueAt}, ${r.askedAt}) on conflict do nothing`)

export const findRescue = (tx: Tx, tenantId: number, orderId: string) =>
  tx.maybe<RescueRow>(sql`
    select ${RESCUE_COLUMNS} from billing.wrong_payment w where w.tenant_id = ${tenantId} and w.order_id = ${orderId}`)

/** Requests nobody has answered, those who wait longest first. */
export const listAskedRescues = (tx: Tx, tenantId: number, page: { offset: number; limit: number }) =>
  tx.rows<RescueRow>(sql`
    select ${RESCUE_COLUMNS} from billing.wrong_payment w
    where w.tenant_id = ${tenantId} and w.state = 'asked' order by w.asked_at, w.id limit ${page.limit} offset ${page.offset}`)

export const countAskedRescues = (tx: Tx, tenantId: number) =>
  tx.one<{ count: number; oldestAt: Date | null }>(sql`
    select count(*) as count, min(asked_at) as "oldestAt" from billing.wrong_payment where tenant_id = ${tenantId} and state = 'asked'`)

export const listRescuesOf = (tx: Tx, tenantId: number, orderIds: readonly string[]) =>
  tx.rows<RescueRow>(sql`
    select ${RESCUE_COLUMNS} from billing.wrong_payment w
    where w.tenant_id = ${tenantId} and w.order_id = any(${[...orderIds]}::uuid[]) order by w.asked_at limit 200`)

export const setRescueTask = (tx: Tx, tenantId: number, id: string, taskId: string) =>
  tx.run(sql`update billing.wrong_payment set task_id = ${taskId} where tenant_id = ${tenantId} and id = ${id}`)

export const answerRescue = (tx: Tx, tenantId: number, orderId: string, state: RescueRow['state'], answer: string | null, at: Date) =>
  tx.run(sql`
    update billing.wrong_payment set state = ${state}, answer = ${answer}, answered_at = ${at}
    where tenant_id = ${tenantId} and order_id = ${orderId} and state = 'asked'`)

// ---- import

export interface NewBill {
  readonly id: string
  readonly code: string
  readonly accountNo: string
  readonly holder: string
  readonly address: string
  readonly billNo: string
  readonly periodFrom: string
  readonly periodTo: string
  readonly amountFen: number
  readonly dueOn: string
  readonly usageE3: number | null
  readonly readingFromE3: number | null
  readonly readingToE3: number | null
  readonly lines: readonly FeeLine[]
  readonly isAccountClosed: boolean
}

export const findBatch = (tx: Tx, tenantId: number, billerId: string, sha256: Buffer) =>
  tx.maybe<{ id: string; rows: number }>(
    sql`select id, rows from billing.batch where tenant_id = ${tenantId} and biller_id = ${billerId} and sha256 = ${sha256}`,
  )

export const insertBatch = (
  tx: Tx,
  tenantId: number,
  b: { id: string; billerId: string; fileName: string; sha256: Buffer; rows: number; totalFen: number; at: Date },
) =>
  tx.run(sql`
    insert into billing.batch (tenant_id, id, biller_id, file_name, sha256, rows, total_fen, imported_at)
    values (${tenantId}, ${b.id}, ${b.billerId}, ${b.fileName}, ${b.sha256}, ${b.rows}, ${b.totalFen}, ${b.at})`)

// ---- receipts

/** Locks the day's counter: whoever holds it decides alone which receipts are missing. */
export const lockReceiptDay = (tx: Tx, tenantId: number, day: string) =>
  tx.one<{ last: number }>(sql`
    insert into billing.receipt_counter as c (tenant_id, day, last) values (${tenantId}, ${day}, 0)
    on conflict (tenant_id, day) do update set last = c.last returning last`)

export const setReceiptDay = (tx: Tx, tenantId: number, day: string, last: number) =>
  tx.run(sql`update billing.receipt_counter set last = ${last} where tenant_id = ${tenantId} and day = ${day}`)

export interface ReceiptRow {
  readonly orderId: string
  readonly billId: string
  readonly receiptNo: string
  readonly entryId: string
  readonly issuedAt: Date
}

const RECEIPT_COLUMNS = sql`r.order_id as "orderId", r.bill_id as "billId", r.receipt_no as "receiptNo", r.entry_id as "entryId", r.issued_at as "issuedAt"`

export const insertReceipt = (tx: Tx, tenantId: number, r: ReceiptRow) =>
  tx.run(sql`
    insert into billing.receipt (tenant_id, order_id, bill_id, receipt_no, entry_id, issued_at)
    values (${tenantId}, ${r.orderId}, ${r.billId}, ${r.receiptNo}, ${r.entryId}, ${r.issuedAt})`)

export const listReceipts = (tx: Tx, tenantId: number, orderId: string) =>
  tx.rows<ReceiptRow>(
    sql`select ${RECEIPT_COLUMNS} from billing.receipt r where r.tenant_id = ${tenantId} and r.order_id = ${orderId} order by r.receipt_no`,
  )

/** Receipts of many orders, by number. */
export const listReceiptsOf = (tx: Tx, tenantId: number, orderIds: readonly string[]) =>
  tx.rows<ReceiptRow>(
    sql`select ${RECEIPT_COLUMNS} from billing.receipt r where r.tenant_id = ${tenantId} and r.order_id = any(${[...orderIds]}::uuid[]) order by r.receipt_no`,
  )

export const findReceiptByNo = (tx: Tx, tenantId: number, receiptNo: string) =>
  tx.maybe<ReceiptRow>(
    sql`select ${RECEIPT_COLUMNS} from billing.receipt r where r.tenant_id = ${tenantId} and r.receipt_no = ${receiptNo}`,
  )

export const findReceiptByEntry = (tx: Tx, tenantId: number, entryId: string) =>
  tx.maybe<ReceiptRow>(sql`select ${RECEIPT_COLUMNS} from billing.receipt r where r.tenant_id = ${tenantId} and r.entry_id = ${entryId}`)

/** Puts a finished posting back to work: the biller agreed to reverse it. */
export const reopenPosting = (tx: Tx, tenantId: number, id: string, from: readonly number[], to: number, dueAt: Date) =>
  tx.run(sql`
    update billing.posting set state = ${to}, due_at = ${dueAt}, finished_at = null, tries = 0
    where tenant_id = ${tenantId} and id = ${id} and state = any(${[...from]}::smallint[])`)
